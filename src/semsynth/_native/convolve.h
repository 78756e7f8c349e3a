// 3x3 convolutions of kept float32 maps (height, width, channels), confined to boxes, by Winograd's method.
//
//     out = leaky(conv3x3(modulated(source)) + bias + conv1x1(modulated(shortcut)) + residual + noise)
//
// Tiles of `tile` x `tile` outputs stand on a fixed grid, and every sum runs in one order: a value does not depend
// on which others are computed. It does depend, in its rounding, on all that its tile sees. The structs are
// mirrored by ops/structs.py.
#pragma once

#include <cstdint>

namespace semsynth {

constexpr int64_t PANEL = 16;  // outputs that lie side by side in a weight

// A map, normalised, scaled and shifted by a row of a table per pixel, and activated, as it is read.
struct Source {
    const float* x;        // (height >> doubled, width >> doubled, channels); null: there is none
    const float* norm;     // (2, channels): what to multiply by, then what to add; null: neither
    const int32_t* index;  // (height, width): the row of `table` of each pixel; null: no table and no style
    const float* table;    // (rows, 2, channels): scale, shift
    const float* style;    // (styles, 2, channels) added to scale and shift, or null
    const int32_t* style_of;  // (rows): which style goes with each row of `table`; null: the first
    const float* weight;   // (groups, positions, blocks, group / 16, depth, 16) transformed
    int64_t channels, depth, blocks;  // blocks of `depth` inputs (a multiple of 16) are summed apart, then joined
    int32_t doubled;       // x is doubled by nearest sampling
    float slope;           // of the leaky ReLU; 1 is none
};

struct Convolution {
    Source source, shortcut;
    const float* bias;      // (groups * group)
    const float* residual;  // (height >> residual_doubled, ..., out_channels) or null
    const float* noise;     // (height, width, out_channels) or null
    float* out;             // (height, width, out_channels)
    const int32_t* boxes;   // (num_boxes, 4): top, left, bottom, right of the pixels to write
    int64_t num_boxes, height, width, out_channels, groups, group;
    int32_t tile;           // 4: F(4x4,3x3); 2: F(2x2,3x3)
    int32_t offset;         // the first tile begins so many pixels above and left of the map
    int32_t strip;          // tiles that are computed together
    int32_t residual_doubled;
    float slope;
};

// Tiles computed together, and the pixels of them that are to be written.
struct Strip {
    int64_t top, left, rows, columns;  // in tiles
    int64_t begin_y, begin_x, end_y, end_x;
};

namespace {  // one copy a file: the linker's may hold instructions that the running processor lacks

constexpr int64_t GAP = 16;  // floats between positions, so that they do not fall on the same sets of the cache

// Where the parts of the scratch memory begin.
struct Scratch {
    int64_t tiles, side, positions, pixels, input_step, product_step;
    int64_t products, beside, beside_products, patch, end;  // the inputs begin at 0

    Scratch(const Convolution& c, int64_t tiles) : tiles(tiles), side(c.tile + 2), positions(side * side) {
        pixels = tiles * c.tile * c.tile;
        input_step = tiles * c.source.depth * c.source.blocks + GAP;
        product_step = tiles * c.group + GAP;
        products = positions * input_step;
        beside = products + positions * product_step;
        const bool has = c.shortcut.x;
        beside_products = beside + (has ? pixels * c.shortcut.depth * c.shortcut.blocks : 0);
        patch = beside_products + (has ? pixels * c.group : 0);
        end = patch + tiles * side * side * PANEL;  // more than the patch of any strip
    }
};

}  // namespace

// Some groups of outputs of a strip. Where `transformed`, the scratch memory holds its inputs from the call before.
using ConvolveStrip = void(const Convolution&, const Strip&, int64_t first_group, int64_t last_group, float* scratch,
                           bool transformed);
ConvolveStrip convolve_portable, convolve_neon, convolve_wasm, convolve_avx2, convolve_avx512;

// Per window of rows, bias + the sum over its taps of row * weight, added in that order.
struct WindowProduct {
    const float* rows;       // (any, depth)
    const int32_t* windows;  // (count, taps) which rows
    const float* weight;     // (groups, taps, group / 16, depth, 16)
    const float* bias;       // (groups * group)
    float* out;              // (count, outputs)
    int64_t count, taps, depth, outputs, groups, group;
    int64_t num_rows;        // not 0: multiply each of so many rows once and look the products up, to the same bits
};

// Some groups of outputs, of all windows where products are looked up, else of windows begin..end.
using MultiplyWindows = void(const WindowProduct&, int64_t begin, int64_t end, int64_t first_group, int64_t last_group,
                             float* scratch);
MultiplyWindows windows_portable, windows_neon, windows_wasm, windows_avx2, windows_avx512;

}  // namespace semsynth
