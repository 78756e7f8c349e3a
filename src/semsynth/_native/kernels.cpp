// The kernels, written once with the compiler's vector types and built once per instruction set (KERNELS).
//
// Nothing of the C++ library is used here: the linker would keep one copy of a template such as std::fill, and
// that copy may hold instructions the running processor lacks.
#include "kernels.h"

#include <cstring>
#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

namespace semsynth {
namespace {

constexpr int64_t LANES = 16;
constexpr int64_t RUN = 32;  // pixels handled together in the backward: their rows stay in the first cache

using Floats = float __attribute__((vector_size(64)));
using Words = uint32_t __attribute__((vector_size(64)));
using Halves = uint16_t __attribute__((vector_size(32)));
struct bfloat16 {
    uint16_t bits;
};

// `n` lanes; the others are zero. Whole blocks are a constant n, for which this is one instruction.
inline Floats load(const float* p, int64_t n) {
    Floats v{};
    std::memcpy(&v, p, n * sizeof(float));
    return v;
}

inline Floats load(const bfloat16* p, int64_t n) {
    Halves h{};
    std::memcpy(&h, p, n * sizeof(bfloat16));
    Words w = __builtin_convertvector(h, Words) << 16;
    return (Floats)w;
}

inline void store(float* p, Floats v, int64_t n) { std::memcpy(p, &v, n * sizeof(float)); }

inline void store(bfloat16* p, Floats v, int64_t n) {
#if defined(__AVX512BF16__)
    __m256bh h = _mm512_cvtneps_pbh((__m512)v);
#else
    Words w = (Words)v;
    w = (w + 0x7fff + ((w >> 16) & 1)) >> 16;            // to nearest, ties to even
    w = (v == v) ? w : Words{} + 0x7fc0;                 // the carry could turn NaN into a number
    Halves h = __builtin_convertvector(w, Halves);
#endif
    std::memcpy(p, &h, n * sizeof(bfloat16));
}

// Call body(c, n) for blocks of channels, with a constant n for whole ones.
template <class Body>
inline void blocks(int64_t channels, Body body) {
    int64_t c = 0;
    for (; c + LANES <= channels; c += LANES) body(c, LANES);
    if (c < channels) body(c, channels - c);
}

inline void accumulate(float* sum, Floats v, int64_t n) { store(sum, load(sum, n) + v, n); }

inline void clear(float* values, int64_t count) { std::memset(values, 0, count * sizeof(float)); }

// The table row whose pixels include position `at` of the order.
inline int64_t row_at(const Modulation& m, int64_t at) {
    int64_t low = 0, high = m.rows;
    while (high - low > 1) {
        const int64_t middle = (low + high) / 2;
        (m.start[middle] <= at ? low : high) = middle;
    }
    return low;
}

// Where a chunk adds up a table row: one place for a row that an earlier chunk began, one for all others.
inline float* row_sum(const Modulation& m, int64_t chunk, bool begun_here) {
    return m.partial + (2 * chunk + begun_here) * 2 * m.channels;
}

template <class T>
inline void write_row(const Modulation& m, int64_t row, const float* sum) {
    T* out = static_cast<T*>(m.grad_table) + row * 2 * m.channels;
    blocks(2 * m.channels, [&](int64_t c, int64_t n) { store(out + c, load(sum + c, n), n); });
}

template <class T>
void modulate_rows(const Modulation& m, int64_t begin, int64_t end) {
    const int64_t C = m.channels, W = m.width, up = m.upsample;
    const T* table = static_cast<const T*>(m.table);
    for (int64_t row = begin; row < end; row++) {
        const int64_t b = row / m.height, i = row % m.height, key = m.per_sample ? b : 0;
        const float *mean = m.mean + key * C, *rstd = m.rstd + key * C;
        const float* style = m.style ? m.style + b * 2 * C : nullptr;
        const T* source = static_cast<const T*>(m.x) + (b * (m.height >> up) + (i >> up)) * (W >> up) * C;
        T* y = static_cast<T*>(m.y) + row * W * C;
        for (int64_t j = 0; j < W; j++, y += C) {
            const T* x = source + (j >> up) * C;
            const T* gamma = table + int64_t(m.index[row * W + j]) * 2 * C;
            blocks(C, [&](int64_t c, int64_t n) __attribute__((always_inline)) {
                Floats scale = load(gamma + c, n) + 1.0f, shift = load(gamma + C + c, n);
                if (style) scale += load(style + c, n), shift += load(style + C + c, n);
                Floats out = (load(x + c, n) - load(mean + c, n)) * load(rstd + c, n) * scale + shift;
                store(y + c, out > 0.0f ? out : out * m.slope, n);
            });
        }
    }
}

template <class T>
void modulate_backward_chunk(const Modulation& m, int64_t chunk) {
    const int64_t C = m.channels, W = m.width, plane = m.height * W, up = m.upsample;
    const int64_t pixels = m.batch * plane;
    const int64_t first = pixels * chunk / m.chunks, last = pixels * (chunk + 1) / m.chunks;
    const T *x = static_cast<const T*>(m.x), *dy = static_cast<const T*>(m.y);
    T* grad_normalized = static_cast<T*>(m.grad_normalized);
    float* sums = m.chunk_sums + chunk * m.keys * 4 * C;
    clear(sums, m.keys * 4 * C);
    const T *xs[RUN], *dys[RUN];
    T* grads[RUN];
    for (int64_t at = first, row = row_at(m, first); at < last; row++) {
        const int64_t end = m.start[row + 1], stop = end < last ? end : last;
        const T* gamma = static_cast<const T*>(m.table) + row * 2 * C;
        float* total = row_sum(m, chunk, m.start[row] >= first);
        clear(total, 2 * C);
        while (at < stop) {
            const int64_t b = m.order[at] / plane;
            int64_t run = 0;
            for (; run < RUN && at < stop; run++, at++) {
                const int64_t p = m.order[at];
                if (p >= (b + 1) * plane) break;  // pixels of a row are in order: the next sample's
                const int64_t i = p / W, j = p % W;  // i counts rows of the whole batch: heights are even
                xs[run] = x + (up ? (i >> 1) * (W >> 1) + (j >> 1) : p) * C;
                dys[run] = dy + p * C;
                grads[run] = grad_normalized + p * C;
                for (int64_t c = 0; c < C; c += 64 / sizeof(T)) {  // pixels of a row lie anywhere
                    __builtin_prefetch(xs[run] + c), __builtin_prefetch(dys[run] + c);
                    __builtin_prefetch(grads[run] + c, 1);
                }
            }
            const int64_t norm = m.per_sample ? b : 0;
            const float *mean = m.mean + norm * C, *rstd = m.rstd + norm * C;
            const float* style = m.style ? m.style + b * 2 * C : nullptr;
            float* sum = sums + (m.keys > 1 ? b : 0) * 4 * C;
            blocks(C, [&](int64_t c, int64_t n) __attribute__((always_inline)) {
                Floats scale = load(gamma + c, n) + 1.0f, shift = load(gamma + C + c, n);
                if (style) scale += load(style + c, n), shift += load(style + C + c, n);
                const Floats mu = load(mean + c, n), inverse = load(rstd + c, n);
                Floats grad_gamma{}, grad_beta{};
                for (int64_t k = 0; k < run; k++) {
                    const Floats normalized = (load(xs[k] + c, n) - mu) * inverse;
                    Floats grad = load(dys[k] + c, n);
                    grad = normalized * scale + shift > 0.0f ? grad : grad * m.slope;
                    grad_gamma += grad * normalized;
                    grad_beta += grad;
                    store(grads[k] + c, grad * scale, n);
                }
                accumulate(total + c, grad_gamma, n);
                accumulate(total + C + c, grad_beta, n);
                accumulate(sum + c, grad_gamma, n);
                accumulate(sum + C + c, grad_beta, n);
                accumulate(sum + 2 * C + c, grad_beta * scale, n);  // scale is one value for the whole run
                accumulate(sum + 3 * C + c, grad_gamma * scale, n);
            });
        }
        if (m.start[row] >= first && end <= last) write_row<T>(m, row, total);
    }
}

template <class T>
void join(const Modulation& m) {
    const int64_t C = m.channels, pixels = m.batch * m.height * m.width, count = m.keys * 4 * C;
    const float* begun = nullptr;  // the sum so far of the row that the last chunk left open
    clear(m.sums, count);
    for (int64_t chunk = 0; chunk < m.chunks; chunk++) {
        const int64_t first = pixels * chunk / m.chunks, last = pixels * (chunk + 1) / m.chunks;
        const int64_t row = row_at(m, first), tail = row_at(m, last - 1);
        if (m.start[row] < first) {
            float* sum = row_sum(m, chunk, false);
            blocks(2 * C, [&](int64_t c, int64_t n) { accumulate(sum + c, load(begun + c, n), n); });
            if (m.start[row + 1] <= last) write_row<T>(m, row, sum);
            begun = sum;
        }
        if (m.start[tail] >= first && m.start[tail + 1] > last) begun = row_sum(m, chunk, true);
        const float* sums = m.chunk_sums + chunk * count;
        blocks(count, [&](int64_t c, int64_t n) { accumulate(m.sums + c, load(sums + c, n), n); });
    }
}

// d x = rstd * (d normalised - mean(d normalised) - normalised * mean(d normalised * normalised))
template <class T>
void normalize_backward_rows(const Modulation& m, int64_t begin, int64_t end) {
    const int64_t C = m.channels, up = m.upsample, H = m.height >> up, W = m.width >> up;
    for (int64_t row = begin; row < end; row++) {
        const int64_t key = m.per_sample ? row / H : 0;
        const float *mean = m.mean + key * C, *rstd = m.rstd + key * C, *means = m.means + key * 2 * C;
        const T* x = static_cast<const T*>(m.x) + row * W * C;
        T* out = static_cast<T*>(m.grad_x) + row * W * C;
        const T* grad = static_cast<const T*>(m.grad_normalized) + (row << up) * m.width * C;
        for (int64_t j = 0; j < W; j++, x += C, out += C, grad += C << up) {
            blocks(C, [&](int64_t c, int64_t n) __attribute__((always_inline)) {
                const Floats inverse = load(rstd + c, n);
                const Floats normalized = (load(x + c, n) - load(mean + c, n)) * inverse;
                Floats sum = load(grad + c, n);
                if (up) {
                    const T* below = grad + m.width * C + c;
                    sum = (sum + load(grad + C + c, n)) + (load(below, n) + load(below + C, n));
                }
                sum -= load(means + c, n) + normalized * load(means + C + c, n);
                store(out + c, sum * inverse, n);
            });
        }
    }
}

template <class T>
void moments_of(const T* x, const float* shift, int64_t rows, int64_t channels, float* out) {
    blocks(channels, [&](int64_t c, int64_t n) __attribute__((always_inline)) {
        const Floats centre = load(shift + c, n);
        Floats sum{}, squares{};
        for (int64_t row = 0; row < rows; row++) {
            const Floats v = load(x + row * channels + c, n) - centre;
            sum += v;
            squares += v * v;
        }
        store(out + c, sum, n);
        store(out + channels + c, squares, n);
    });
}

template <class T, class Table>
void lookup_patches(const Lookup& l, int64_t begin, int64_t end) {
    const Table* table = static_cast<const Table*>(l.table);
    for (int64_t p = begin; p < end; p++) {
        const int32_t* patch = l.patches + p * l.taps;
        T* out = static_cast<T*>(l.out) + p * l.width;
        blocks(l.width, [&](int64_t c, int64_t n) __attribute__((always_inline)) {
            Floats sum{};
            if (l.bias) sum = load(l.bias + c, n);
            for (int64_t t = 0; t < l.taps; t++) sum += load(table + (t * l.symbols + patch[t]) * l.width + c, n);
            store(out + c, l.relu ? (sum > 0.0f ? sum : Floats{}) : sum, n);
        });
    }
}

template <class T>
void lookup_backward_tap(const Lookup& l, int64_t tap) {
    float* grad = l.grad_table + tap * l.symbols * l.width;
    for (int64_t p = 0; p < l.count; p++) {
        const T* from = static_cast<const T*>(l.out) + p * l.width;
        float* to = grad + l.patches[p * l.taps + tap] * l.width;
        blocks(l.width, [&](int64_t c, int64_t n) __attribute__((always_inline)) {
            accumulate(to + c, load(from + c, n), n);
        });
    }
}

template <class T>
void sum_group_rows(const Groups& g, int64_t begin, int64_t end) {
    const T* values = static_cast<const T*>(g.values);
    for (int64_t group = begin; group < end; group++) {
        T* out = static_cast<T*>(g.out) + group * g.width;
        const T* mask = g.mask ? static_cast<const T*>(g.mask) + group * g.width : nullptr;
        blocks(g.width, [&](int64_t c, int64_t n) __attribute__((always_inline)) {
            Floats sum{};
            for (int32_t i = g.start[group]; i < g.start[group + 1]; i++)
                sum += load(values + int64_t(g.order[i]) * g.width + c, n);
            if (mask) sum = load(mask + c, n) > 0.0f ? sum : Floats{};
            store(out + c, sum, n);
        });
    }
}

void modulate(const Modulation& m, int64_t begin, int64_t end) {
    m.half ? modulate_rows<bfloat16>(m, begin, end) : modulate_rows<float>(m, begin, end);
}
void modulate_backward(const Modulation& m, int64_t chunk) {
    m.half ? modulate_backward_chunk<bfloat16>(m, chunk) : modulate_backward_chunk<float>(m, chunk);
}
void join_chunks(const Modulation& m) { m.half ? join<bfloat16>(m) : join<float>(m); }
void normalize_backward(const Modulation& m, int64_t begin, int64_t end) {
    m.half ? normalize_backward_rows<bfloat16>(m, begin, end) : normalize_backward_rows<float>(m, begin, end);
}
void moments(const void* x, const float* shift, int32_t half, int64_t rows, int64_t channels, float* out) {
    half ? moments_of(static_cast<const bfloat16*>(x), shift, rows, channels, out)
         : moments_of(static_cast<const float*>(x), shift, rows, channels, out);
}
void lookup(const Lookup& l, int64_t begin, int64_t end) {
    if (l.half_table)
        l.half ? lookup_patches<bfloat16, bfloat16>(l, begin, end) : lookup_patches<float, bfloat16>(l, begin, end);
    else
        l.half ? lookup_patches<bfloat16, float>(l, begin, end) : lookup_patches<float, float>(l, begin, end);
}
void lookup_backward(const Lookup& l, int64_t tap) {
    l.half ? lookup_backward_tap<bfloat16>(l, tap) : lookup_backward_tap<float>(l, tap);
}
void sum_groups(const Groups& g, int64_t begin, int64_t end) {
    g.half ? sum_group_rows<bfloat16>(g, begin, end) : sum_group_rows<float>(g, begin, end);
}

}  // namespace

#define NAME_OF(set) #set
#define NAMED(set) NAME_OF(set)
extern const Kernels KERNELS = {NAMED(KERNELS), modulate, modulate_backward, join_chunks, normalize_backward,
                                moments,        lookup,   lookup_backward,   sum_groups};

}  // namespace semsynth
