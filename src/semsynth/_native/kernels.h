// What the kernels are given, and the table of kernels that one instruction set fills.
//
// Feature maps lie in memory pixel by pixel ("channels last"): rows of `channels` values. `half` says that
// maps and tables are bfloat16; else they are float32. Sums are always kept in float32. The structs are
// mirrored by ops/native.py, field by field.
#pragma once

#include <cstdint>

namespace semsynth {

constexpr int INTERFACE = 7;  // counted up with every change of the structs or of the C functions

// Normalise, double by nearest sampling, scale and shift by a row of a table per pixel, leaky ReLU.
struct Modulation {
    const void* x;          // (batch, height >> upsample, width >> upsample, channels)
    const int32_t* index;   // (batch, height, width): the row of `table` that belongs to each pixel
    const void* table;      // (rows, 2, channels): gamma, beta
    const float* style;     // (batch, 2, channels) added to gamma and beta of a sample, or null
    const float* mean;      // (batch or 1, channels)
    const float* rstd;      // (batch or 1, channels)
    void* y;                // (batch, height, width, channels): the result, or its gradient in the backward
    int64_t batch, height, width, channels, rows;
    int32_t per_sample;     // mean, rstd and `means` have a row per sample
    int32_t upsample;       // 1: x is half as high and wide
    int32_t half;
    float slope;            // of the leaky ReLU; 1 is none

    // Backward only. The pixels, grouped by table row, are cut into `chunks` equal ranges that do not depend
    // on the number of threads, so that neither do the sums.
    const int32_t* start;   // (rows + 1): where the pixels of each row begin in `order`
    const int32_t* order;   // (pixels)
    void* grad_normalized;  // (batch, height, width, channels)
    void* grad_table;       // (rows, 2, channels)
    float* partial;         // (chunks, 2, 2, channels): rows that a chunk shares with its neighbours
    float* chunk_sums;      // (chunks, keys, 4, channels)
    float* sums;            // (keys, 4, channels): of d gamma, d beta, d normalised, d normalised * normalised
    const float* means;     // (batch or 1, 2, channels): what the last two sums become, for grad_x
    void* grad_x;           // like x
    int64_t chunks;
    int64_t keys;           // 1, or batch where sums are wanted per sample
};

// Sums of table rows.
struct Lookup {
    const void* table;       // (taps, symbols, width)
    const float* bias;       // (width) or null
    const int32_t* patches;  // (count, taps): a symbol per tap
    void* out;               // (count, width); in the backward its gradient
    float* grad_table;       // like table; zeroed by the caller
    int64_t count, taps, symbols, width;
    int32_t relu, half;      // half: `out` is bfloat16
    int32_t half_table;      // `table` is bfloat16
};

// out[g] = sum of the rows of `values` that `order` lists for group g, zero where mask[g] is not positive.
struct Groups {
    const void* values;    // (n, width)
    const int32_t* start;  // (count + 1)
    const int32_t* order;  // (n)
    const void* mask;      // (count, width) or null
    void* out;             // (count, width)
    int64_t count, width;
    int32_t half;
};

struct Kernels {
    const char* name;
    void (*modulate)(const Modulation&, int64_t begin, int64_t end);            // rows of pixels
    void (*modulate_backward)(const Modulation&, int64_t chunk);
    void (*join_chunks)(const Modulation&);                                     // after all of them
    void (*normalize_backward)(const Modulation&, int64_t begin, int64_t end);  // rows of pixels of x
    // (rows, channels) -> (2, channels): sums of (x - shift) and of its square
    void (*moments)(const void* x, const float* shift, int32_t half, int64_t rows, int64_t channels, float* out);
    void (*lookup)(const Lookup&, int64_t begin, int64_t end);                  // patches
    void (*lookup_backward)(const Lookup&, int64_t tap);
    void (*sum_groups)(const Groups&, int64_t begin, int64_t end);
};

extern const Kernels portable, neon, wasm, avx2, avx512, avx512_bf16;

}  // namespace semsynth
