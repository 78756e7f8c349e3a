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
    float* transformed;   // (groups, POSITIONS, blocks, group / 16, depth, 16), filled here
    float* out;
    int64_t out_stride, in_stride, tap_stride, group, depth;
};

struct WeightGradient {
    Batch batch;
    const float* x;
    const float* grad;  // of the result
    float* x_points;     // (POSITIONS, chunk, inputs), and GAP between positions
    float* grad_points;  // (POSITIONS, outputs / 16, chunk, 16), and GAP likewise
    float* sums;         // (POSITIONS, inputs, outputs)
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

// How many floats `convolve` wants for so many tiles.
inline int64_t scratch_floats(const BatchConvolution& c, int64_t tiles) {
    return POSITIONS * (tiles * (c.batch.inputs + c.group) + 2 * GAP);
}

}  // namespace

struct Training {
    // The weights of 16 outputs.
    void (*transform_weight)(const BatchConvolution&, int64_t panel);
    void (*convolve)(const BatchConvolution&, int64_t first_tile, int64_t last_tile, float* scratch);
    // Tiles first..last of the chunk that begins at `chunk_begin`.
    void (*transform_tiles)(const WeightGradient&, int64_t chunk_begin, int64_t first_tile, int64_t last_tile);
    // Adds the products of a chunk of `count` tiles; the first chunk fills the sums.
    void (*multiply_points)(const WeightGradient&, int64_t position, int64_t count, bool first);
    // 16 outputs and 16 inputs.
    void (*finish)(const WeightGradient&, int64_t out_panel, int64_t in_panel);
};
extern const Training training_portable[2], training_neon[2], training_avx2[2], training_avx512[2];  // 3x3, 4x4

}  // namespace semsynth
