// Products of windows of rows, built once per instruction set (KERNELS), see convolve.h.
#include "micro.h"

namespace semsynth {

#define JOINED(a, b) a##b
#define NAMED(set) JOINED(windows_, set)
void NAMED(KERNELS)(const WindowProduct& w, int64_t begin, int64_t end, int64_t first, int64_t last, float* scratch) {
    const int64_t count = end - begin, step = count * w.depth, block = w.depth * w.group;
    float* products = scratch + w.taps * step;
    if (w.windows)
        for (int64_t i = 0; i < count; i++)
            for (int64_t tap = 0; tap < w.taps; tap++)
                std::memcpy(scratch + tap * step + i * w.depth,
                            w.rows + w.windows[(begin + i) * w.taps + tap] * w.depth, w.depth * sizeof(float));
    for (int64_t g = first; g < last; g++) {
        const int64_t outputs = least(w.group, w.outputs - g * w.group);
        const float *weight = w.weight + g * w.taps * block, *bias = w.bias + g * w.group;
        Shape shape{count, w.windows ? w.taps : 1, w.depth, w.group, outputs};
        shape.filled = w.windows;
        for (int64_t tap = 0; tap < (w.windows ? 1 : w.taps); tap++) {
            for (int64_t i = 0; w.windows && i < count; i++)
                std::memcpy(products + i * w.group, bias, w.group * sizeof(float));
            multiply_group(w.windows ? scratch : w.rows + begin * w.depth, weight + tap * block, shape, products);
            float* out = w.out + (tap * w.count + begin) * w.outputs + g * w.group;
            for (int64_t i = 0; i < count; i++)
                std::memcpy(out + i * w.outputs, products + i * w.group, outputs * sizeof(float));
        }
    }
}

}  // namespace semsynth
