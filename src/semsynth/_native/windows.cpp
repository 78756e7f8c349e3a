// Products of windows of rows, built once per instruction set (KERNELS), see convolve.h.
#include "micro.h"

namespace semsynth {
namespace {

constexpr int64_t ROWS_AT_ONCE = 96;

// Every window's rows side by side, tap by tap, times the weight of a group.
void multiply_windows(const WindowProduct& w, int64_t begin, int64_t end, int64_t g, float* scratch) {
    const int64_t count = end - begin;
    float* sums = scratch + w.taps * count * w.depth;
    for (int64_t i = 0; i < count; i++) std::memcpy(sums + i * w.group, w.bias + g * w.group, w.group * sizeof(float));
    Shape shape{count, w.taps, w.depth, w.group, w.group};
    shape.filled = true;
    multiply_group(scratch, w.weight + g * w.taps * w.depth * w.group, shape, sums);
    const int64_t outputs = least(w.group, w.outputs - g * w.group);
    for (int64_t i = 0; i < count; i++)
        std::memcpy(w.out + (begin + i) * w.outputs + g * w.group, sums + i * w.group, outputs * sizeof(float));
}

// Every row times the weight of a group once per tap; then every window's sums of those.
void look_up_windows(const WindowProduct& w, int64_t g, float* products) {
    const int64_t block = w.depth * w.group, step = w.num_rows * w.group;
    const float *weight = w.weight + g * w.taps * block, *bias = w.bias + g * w.group;
    for (int64_t row = 0; row < w.num_rows; row += ROWS_AT_ONCE) {
        const int64_t count = least(ROWS_AT_ONCE, w.num_rows - row);
        for (int64_t tap = 0; tap < w.taps; tap++)
            multiply_group(w.rows + row * w.depth, weight + tap * block, {count, 1, w.depth, w.group, w.group},
                           products + tap * step + row * w.group);
    }
    const int64_t outputs = least(w.group, w.outputs - g * w.group);
    for (int64_t i = 0; i < w.count; i++) {
        const int32_t* window = w.windows + i * w.taps;
        float* out = w.out + i * w.outputs + g * w.group;
        for (int64_t at = 0; at < outputs; at += LANES) {
            Vector sum = load(bias + at);
            for (int64_t tap = 0; tap < w.taps; tap++) sum += load(products + tap * step + window[tap] * w.group + at);
            store_part(out + at, sum, outputs - at);
        }
    }
}

}  // namespace

#define JOINED(a, b) a##b
#define NAMED(set) JOINED(windows_, set)
void NAMED(KERNELS)(const WindowProduct& w, int64_t begin, int64_t end, int64_t first, int64_t last, float* scratch) {
    const int64_t count = end - begin, step = count * w.depth;
    for (int64_t i = 0; !w.num_rows && i < count; i++)
        for (int64_t tap = 0; tap < w.taps; tap++)
            std::memcpy(scratch + tap * step + i * w.depth, w.rows + w.windows[(begin + i) * w.taps + tap] * w.depth,
                        w.depth * sizeof(float));
    for (int64_t g = first; g < last; g++)
        w.num_rows ? look_up_windows(w, g, scratch) : multiply_windows(w, begin, end, g, scratch);
}

}  // namespace semsynth
