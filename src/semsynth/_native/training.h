// 3x3 convolutions of batches of float32 maps by weights that change from call to call, and the gradient of the
// weights, by F(4x4,3x3).
//
// Maps lie in memory pixel by pixel, (batch, height, width, channels); channels are multiples of 16. Every sum runs in
// one order, whatever the number of threads. The structs are mirrored by ops/structs.py.
#pragma once

#include "convolve.h"

namespace semsynth {

struct Batch {
    int64_t images, height, width, inputs, outputs;
};

constexpr int64_t POSITIONS = 36;

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
    float* out;          // (outputs, inputs, 9)
    int64_t chunk;       // tiles that are transformed before they are multiplied
};

namespace {  // one copy a file, as in convolve.h

inline int64_t tile_rows(const Batch& b) { return (b.height + 3) / 4; }
inline int64_t tile_columns(const Batch& b) { return (b.width + 3) / 4; }

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
extern const Training training_portable, training_neon, training_avx2, training_avx512;

}  // namespace semsynth
