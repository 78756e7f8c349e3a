// Convolutions on the matrix unit of x86 processors (AMX), and what a drawing network does between them.
//
// Feature maps are bfloat16 "planes" of 32 channels each, (blocks, positions, 32). The positions are the pixels
// of maps framed by one pixel of zeros, row by row, the maps of a batch below each other: so a tap of a 3x3
// convolution is a constant step, and 16 pixels of a row are one matrix tile. Only pixels that `rows` lists are
// computed. The structs are mirrored by ops/amx.py, field by field.
#pragma once

#include <cstdint>

namespace semsynth {

constexpr int64_t PLANE = 32;  // channels of a plane; also the depth of one step of the matrix unit

// Scale and shift every position by its row of a table, per plane (rows, 2, 32): scales, shifts.
struct Affine {
    const void* table;     // (blocks, rows, 2, 32) bfloat16, or null: none
    const int32_t* index;  // (positions) which row
    const float* style;    // (batch or styles, 2, blocks * 32) added to scale and shift, or null
    const int32_t* style_of;  // (rows): which style goes with each row of `table`; null: that of the sample
    int64_t rows;
    float slope;           // of the leaky ReLU that follows; 1 is none. Applies without a table too.
};

// out = affine(bias + weight * x + add), for every listed row of pixels.
struct Product {
    const void* x;           // planes; or rows (any, blocks * 32), of which every position takes `taps`
    const int32_t* windows;  // (positions, taps) which, or null: x is planes
    const int64_t* steps;    // (num_steps): values from a position to what that step multiplies
    const void* weight;      // (out_blocks, num_steps, 2, 16, 16, 2) bfloat16: halves, pairs of inputs, outputs
    const float* bias;       // (out_blocks * 32)
    const int32_t* rows;     // (num_rows, 2): first position, number of pixels
    void* out;               // bfloat16; block b begins at b % out_period * out_plane + b / out_period * 32
    float* image;            // or else (batch, 3, height, width), of the first three outputs
    const void* add;         // planes of add_positions, or null
    const int32_t* source;   // (positions): the position of `add` to take, or null: the same
    Affine affine;
    int64_t taps, num_steps, out_blocks, num_rows, strip, out_period, out_plane, out_stride, add_positions;
    int64_t height, width;   // of a sample, without the frame
};

// y = affine(x), and the same for a second table: for every listed row of pixels.
struct AmxModulation {
    const void* x;          // planes of x_positions
    const int32_t* source;  // (positions): the position of x to take, or null: the same
    const int32_t* rows;    // (num_rows, 2): first position, number of pixels
    void* y[2];             // planes
    Affine affine[2];       // the second may be none
    int64_t blocks, num_rows, x_positions, positions, height, width;
};

// A modulation, and products of which each reads the one before (the second reads the modulation too).
constexpr int64_t MOST_PRODUCTS = 3;
struct Chain {
    const AmxModulation* modulation;
    const Product* products[MOST_PRODUCTS];
    int64_t count, strip;
    int32_t whole;  // every stage's rows are those of whole maps
};

bool matrix_unit();  // whether this processor and system have one; asks the system for it
int64_t product_tasks(const Product&, int threads);
void product(const Product&, int64_t task, int64_t tasks);
void use_tiles();  // on this thread, around calls of multiply_rows
void release_tiles();
void multiply_rows(const Product&, int64_t begin, int64_t end, int64_t first, int64_t last);  // rows, blocks
void modulate_planes(const AmxModulation&, int64_t begin, int64_t end);  // listed rows

int64_t chain_bands(const Chain&);  // 0 where the stages must be computed one after the other
void chain(const Chain&, int64_t band);

}  // namespace semsynth
