// The kernels of training.h, written once and built once per instruction set (KERNELS).
#include "training.h"

#include "micro.h"
#include "transforms.h"

namespace semsynth {
namespace {

constexpr int64_t SUMMED = 128;  // tiles that are summed in registers

// A transform along both axes: FROM x FROM vectors, read by get(y, x), to TO x TO, written by put(y, x, v).
template <int FROM, int TO, void (*ALONG)(const Vector*, Vector*), class Get, class Put>
SEMSYNTH_INLINE void transform(Get get, Put put) {
    Vector half[TO][FROM];
#pragma GCC unroll 1
    for (int x = 0; x < FROM; x++) {
        Vector d[FROM], t[TO];
        SEMSYNTH_UNROLL
        for (int y = 0; y < FROM; y++) d[y] = get(y, x);
        ALONG(d, t);
        SEMSYNTH_UNROLL
        for (int y = 0; y < TO; y++) half[y][x] = t[y];
    }
#pragma GCC unroll 1
    for (int y = 0; y < TO; y++) {
        Vector t[TO];
        ALONG(half[y], t);
        SEMSYNTH_UNROLL
        for (int x = 0; x < TO; x++) put(y, x, t[x]);
    }
}

// The transforms of a kernel's size: its weight, the inputs of a tile, the results; and the gradient's.
template <int KERNEL>
struct Method;
template <>
struct Method<3> {
    static constexpr auto weight = Four::weight, result_gradient = Four::output_gradient;
    static constexpr auto result = Four::output, weight_gradient = Four::weight_gradient;
};
template <>
struct Method<4> {
    static constexpr auto weight = Four::output_gradient, result_gradient = Four::weight;
    static constexpr auto result = Four::weight_gradient, weight_gradient = Four::output;
};

// Where the first pixel of a tile's result lies.
struct Corner {
    int64_t image, y, x;

    Corner(const Batch& b, int64_t tile) {
        const int64_t rows = tiles_along(b, b.height), columns = tiles_along(b, b.width), side = POINTS + 1 - b.kernel;
        image = tile / (rows * columns), y = tile / columns % rows * side, x = tile % columns * side;
    }
};

// SIDE x SIDE pixels of a map from (top, left) on; zeros outside the map.
template <int SIDE>
class Pixels {
  public:
    Pixels(const float* map, int64_t height, int64_t width, int64_t channels, int64_t top, int64_t left) {
        for (int64_t y = 0; y < SIDE; y++)
            for (int64_t x = 0; x < SIDE; x++) {
                const int64_t row = top + y, column = left + x;
                const bool inside = row >= 0 && row < height && column >= 0 && column < width;
                at_[y][x] = inside ? map + (row * width + column) * channels : nullptr;
            }
    }
    Vector operator()(int y, int x, int64_t channel) const {
        return at_[y][x] ? load(at_[y][x] + channel) : Vector{};
    }

  private:
    const float* at_[SIDE][SIDE];
};

// The inputs that a tile sees.
Pixels<POINTS> inputs_of(const Batch& b, const float* x, const Corner& corner) {
    return {x + corner.image * b.height * b.width * b.inputs, b.height, b.width, b.inputs, corner.y - b.padding,
            corner.x - b.padding};
}

template <int KERNEL>
void transform_weight(const BatchConvolution& c, int64_t panel, float* group) {
    const int64_t inputs = c.batch.inputs, block = c.depth * c.group;
    const float* weight = c.weight + panel * PANEL * c.out_stride;
    float* out = group + panel * PANEL % c.group * c.depth;
    float taps[PANEL][KERNEL * KERNEL][PANEL];  // of 16 inputs
    for (int64_t i = 0; i < inputs; i += PANEL) {
        for (int64_t o = 0; o < PANEL; o++)
            for (int64_t k = 0; k < PANEL; k++)
                for (int64_t t = 0; t < KERNEL * KERNEL; t++)
                    taps[k][t][o] = weight[o * c.out_stride + (i + k) * c.in_stride + t * c.tap_stride];
        float* to = out + i / c.depth * block + i % c.depth * PANEL;
        for (int64_t k = 0; k < PANEL; k++, to += PANEL)
            for (int64_t lane = 0; lane < PANEL; lane += LANES)
                transform<KERNEL, POINTS, Method<KERNEL>::weight>(
                    [&](int y, int x) { return load(&taps[k][y * KERNEL + x][lane]); },
                    [&](int y, int x, Vector v) { store(to + (y * POINTS + x) * inputs * c.group + lane, v); });
    }
}

void transform_inputs(const BatchConvolution& c, const Tiles& tiles, float* points) {
    const Batch& b = c.batch;
    const int64_t step = tiles.count * b.inputs + GAP;
    for (int64_t tile = tiles.begin; tile < tiles.end; tile++) {
        const Pixels<POINTS> pixels = inputs_of(b, c.x, Corner(b, tile));
        for (int64_t i = 0; i < b.inputs; i += LANES) {
            float* to = points + (i / c.depth * tiles.count + tile - tiles.first) * c.depth + i % c.depth;
            transform<POINTS, POINTS, Four::input>(
                [&](int y, int x) { return pixels(y, x, i); },
                [&](int y, int x, Vector v) { store(to + (y * POINTS + x) * step, v); });
        }
    }
}

template <int KERNEL>
void multiply(const BatchConvolution& c, int64_t group, const Tiles& tiles, const float* points, const float* weight,
              float* products) {
    const Batch& b = c.batch;
    const int64_t height = result_side(b, b.height), width = result_side(b, b.width), count = tiles.count;
    const int64_t input_step = count * b.inputs + GAP, product_step = count * c.group + GAP, out = group * c.group;
    for (int64_t p = 0; p < POSITIONS; p++)
        multiply_group(points + p * input_step, weight + p * c.group * b.inputs,
                       {count, b.inputs / c.depth, c.depth, c.group, c.group}, products + p * product_step);
    for (int64_t tile = 0; tile < count; tile++) {
        const Corner corner(b, tiles.first + tile);
        float* to = c.out + ((corner.image * height + corner.y) * width + corner.x) * b.outputs + out;
        const float* from = products + tile * c.group;
        for (int64_t o = 0; o < c.group; o += LANES) {
            const Vector bias = c.bias ? load(c.bias + out + o) : Vector{};
            transform<POINTS, POINTS + 1 - KERNEL, Method<KERNEL>::result>(
                [&](int y, int x) { return load(from + (y * POINTS + x) * product_step + o); },
                [&](int y, int x, Vector v) {
                    if (corner.y + y < height && corner.x + x < width)
                        store(to + (y * width + x) * b.outputs + o, v + bias);
                });
        }
    }
}

template <int KERNEL>
void transform_tiles(const WeightGradient& w, const Tiles& tiles) {
    constexpr int TILE = POINTS + 1 - KERNEL;
    const Batch& b = w.batch;
    const int64_t height = result_side(b, b.height), width = result_side(b, b.width);
    const int64_t x_step = w.chunk * b.inputs + GAP, grad_step = w.chunk * b.outputs + GAP;
    for (int64_t tile = tiles.begin; tile < tiles.end; tile++) {
        const Corner corner(b, tile);
        const Pixels<POINTS> seen = inputs_of(b, w.x, corner);
        const Pixels<TILE> given(w.grad + corner.image * height * width * b.outputs, height, width, b.outputs, corner.y,
                                 corner.x);
        for (int64_t i = 0; i < b.inputs; i += LANES) {
            float* to = w.x_points + (i / PANEL * w.chunk + tile - tiles.first) * PANEL + i % PANEL;
            transform<POINTS, POINTS, Four::input>(
                [&](int y, int x) { return seen(y, x, i); },
                [&](int y, int x, Vector v) { store(to + (y * POINTS + x) * x_step, v); });
        }
        for (int64_t o = 0; o < b.outputs; o += LANES) {
            float* to = w.grad_points + (o / PANEL * w.chunk + tile - tiles.first) * PANEL + o % PANEL;
            transform<TILE, POINTS, Method<KERNEL>::result_gradient>(
                [&](int y, int x) { return given(y, x, o); },
                [&](int y, int x, Vector v) { store(to + (y * POINTS + x) * grad_step, v); });
        }
    }
}

// sums (R, N vectors) = or += over `count` tiles, R rows of a (chunk, 16) transposed times b (panels, chunk, 16).
template <int R, int N>
__attribute__((noinline)) void outer(const float* a, const float* b, int64_t chunk, int64_t count, float* to,
                                     int64_t width, bool add) {
    Vector sums[R][N] = {};
    for (int64_t k = 0; k < count; k++, a += PANEL, b += PANEL) {
        Vector v[N];
        SEMSYNTH_UNROLL
        for (int n = 0; n < N; n++) v[n] = load(b + n * LANES / PANEL * chunk * PANEL + n * LANES % PANEL);
        SEMSYNTH_UNROLL
        for (int r = 0; r < R; r++) {
            SEMSYNTH_UNROLL
            for (int n = 0; n < N; n++) sums[r][n] += a[r] * v[n];
        }
    }
    SEMSYNTH_UNROLL
    for (int r = 0; r < R; r++) {
        SEMSYNTH_UNROLL
        for (int n = 0; n < N; n++) {
            float* at = to + r * width + n * LANES;
            store(at, add ? load(at) + sums[r][n] : sums[r][n]);
        }
    }
}

using Outer = void (*)(const float*, const float*, int64_t, int64_t, float*, int64_t, bool);

template <int N, int R = ROWS>
Outer outer_of(int64_t rows) {
    if constexpr (R == 1) return outer<1, N>;
    else return rows == R ? outer<R, N> : outer_of<N, R - 1>(rows);
}

void multiply_points(const WeightGradient& w, int64_t position, int64_t tiles, int64_t first, int64_t last, float* sums,
                     int64_t width, bool add) {
    const float* x = w.x_points + position * (w.chunk * w.batch.inputs + GAP);
    const float* grad = w.grad_points + position * (w.chunk * w.batch.outputs + GAP);
    for (int64_t begin = 0; begin < tiles; begin += SUMMED) {
        const int64_t summed = least(SUMMED, tiles - begin);
        for (int64_t o = first, wide; o < last; o += wide) {
            wide = last - o >= VECTORS * LANES ? VECTORS * LANES : PANEL;
            for (int64_t i = 0, rows; i < w.batch.inputs; i += rows) {
                rows = least(ROWS, PANEL - i % PANEL);
                const Outer product = wide == VECTORS * LANES ? outer_of<VECTORS>(rows) : outer_of<PANEL / LANES>(rows);
                product(x + (i / PANEL * w.chunk + begin) * PANEL + i % PANEL, grad + o * w.chunk + begin * PANEL,
                        w.chunk, summed, sums + i * width + o - first, width, begin || add);
            }
        }
    }
}

template <int KERNEL>
void finish(const WeightGradient& w, int64_t out_panel, int64_t in_panel, const float* sums, int64_t width) {
    const int64_t inputs = w.batch.inputs, i = in_panel * PANEL, o = out_panel * PANEL;
    float taps[PANEL][KERNEL * KERNEL][PANEL];
    for (int64_t k = 0; k < PANEL; k++)
        for (int64_t lane = 0; lane < PANEL; lane += LANES) {
            const float* from = sums + (i + k) * width + lane;
            transform<POINTS, KERNEL, Method<KERNEL>::weight_gradient>(
                [&](int y, int x) { return load(from + (y * POINTS + x) * inputs * width); },
                [&](int y, int x, Vector v) { store(&taps[k][y * KERNEL + x][lane], v); });
        }
    for (int64_t n = 0; n < PANEL; n++)
        for (int64_t t = 0; t < KERNEL * KERNEL; t++)
            for (int64_t k = 0; k < PANEL; k++)
                w.out[(o + n) * w.out_stride + (i + k) * w.in_stride + t * w.tap_stride] = taps[k][t][n];
}

}  // namespace

#define JOINED(a, b) a##b
#define NAMED(set) JOINED(training_, set)
const Training NAMED(KERNELS)[2] = {
    {transform_weight<3>, transform_inputs, multiply<3>, transform_tiles<3>, multiply_points, finish<3>},
    {transform_weight<4>, transform_inputs, multiply<4>, transform_tiles<4>, multiply_points, finish<4>},
};

}  // namespace semsynth
