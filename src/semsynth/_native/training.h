// Convolutions of batches of float32 maps by weights that change from call to call, and the gradient of the weights:
// 3x3 by F(4x4,3x3), 4x4 by F(3x3,4x4). Each takes the other's transforms, for both have the same six points.
//
// Maps lie in memory pixel by pixel, (batch, height, width, channels); channels are multiples of 16. Every sum runs in
// one order, whatever the number of threads. The structs are mirrored by ops/structs.py.
#pragma once

#include "convolve.h"

namespace semsynth {

struct Batch {
    int64_t images, height, width, inputs, outputs;
    int64_t kernel, padding;  // 3 or 4; of zeros on every side
};

constexpr int64_t POINTS = 6, POSITIONS = POINTS * POINTS;

struct BatchConvolution {
    Batch batch;
    const float* x;
    const float* weight;  // output o, input i, tap t: weight[o * out_stride + i * in_stride + t * tap_stride]
    const float* bias;    // (outputs) or null
    float* transformed;   // (groups, POSITIONS, blocks, group / 16, depth, 16) for the weight; or null
    float* points;        // (POSITIONS, blocks, tiles, depth), and GAP between positions, for the inputs; or null
    float* out;
    int64_t out_stride, in_stride, tap_stride, group, depth;
};

struct WeightGradient {
    Batch batch;
    const float* x;
    const float* grad;  // of the result
    float* x_points;     // (POSITIONS, inputs / 16, chunk, 16), and GAP between positions
    float* grad_points;  // (POSITIONS, outputs / 16, chunk, 16), and GAP likewise
    float* sums;         // (POSITIONS, inputs, outputs); or null where the chunk is all tiles
    float* out;          // strided as the weight above
    int64_t out_stride, in_stride, tap_stride;
    int64_t chunk;  // tiles that are transformed before they are multiplied
};

namespace {  // one copy a file, as in convolve.h

// Pixels along one side of the result, and tiles of it: a tile is as wide as its kernel leaves of the points.
inline int64_t result_side(const Batch& b, int64_t side) { return side + 2 * b.padding - b.kernel + 1; }
inline int64_t tiles_along(const Batch& b, int64_t side) {
    const int64_t tile = POINTS + 1 - b.kernel;
    return (result_side(b, side) + tile - 1) / tile;
}
inline int64_t tile_count(const Batch& b) { return b.images * tiles_along(b, b.height) * tiles_along(b, b.width); }

// How many floats the transformed inputs of so many tiles take, their products, and the weight of a group.
inline int64_t input_floats(const BatchConvolution& c, int64_t tiles) {
    return POSITIONS * (tiles * c.batch.inputs + GAP);
}
inline int64_t product_floats(const BatchConvolution& c, int64_t tiles) { return POSITIONS * (tiles * c.group + GAP); }
inline int64_t weight_floats(const BatchConvolution& c) { return POSITIONS * c.batch.inputs * c.group; }

}  // namespace

// Some of the tiles, and the room for how many there is.
struct Tiles {
    int64_t begin, end, first, count;
};

struct Training {
    // The weight of the 16 outputs of a panel, to that of its group.
    void (*transform_weight)(const BatchConvolution&, int64_t panel, float* to);
    void (*transform_inputs)(const BatchConvolution&, const Tiles&, float* points);
    // A group of outputs of all the tiles that there is room for.
    void (*multiply)(const BatchConvolution&, int64_t group, const Tiles&, const float* points, const float* weight,
                     float* products);
    void (*transform_tiles)(const WeightGradient&, const Tiles&);
    // Outputs begin..end, to or added to the sums (inputs, width) of a position from `begin` on.
    void (*multiply_points)(const WeightGradient&, int64_t position, int64_t tiles, int64_t begin, int64_t end,
                            float* sums, int64_t width, bool add);
    // 16 outputs and 16 inputs, from the sums of that panel of outputs.
    void (*finish)(const WeightGradient&, int64_t out_panel, int64_t in_panel, const float* sums, int64_t width);
};
extern const Training training_portable[2], training_neon[2], training_avx2[2], training_avx512[2];  // 3x3, 4x4

}  // namespace semsynth
