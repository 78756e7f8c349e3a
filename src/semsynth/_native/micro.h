// Products of float32 matrices in registers, by whose sums a row does not depend on the other rows.
#pragma once

#include "convolve.h"
#include "vectors.h"

namespace semsynth {
namespace {

constexpr int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

// c (R, group) = or += a (R, depth) times N vectors of b (panels, depth, 16). Asks for the memory at `ahead`.
template <int R, int N, bool AHEAD>
__attribute__((noinline)) void micro(const float* a, const float* b, int64_t depth, float* c, int64_t group, bool add,
                                     const float* ahead) {
    Vector sums[R][N] = {};
    const float* rows[R];
    for (int r = 0; r < R; r++) rows[r] = a + r * depth;
    for (int64_t k = 0; k < depth; k += 2) {
        if (AHEAD) __builtin_prefetch(ahead + k * (N * LANES / 2), 0, 2);
        SEMSYNTH_UNROLL
        for (int half = 0; half < 2; half++) {
            Vector w[N];
            SEMSYNTH_UNROLL
            for (int n = 0; n < N; n++) {
                const int64_t panel = n * LANES / PANEL, lane = n * LANES % PANEL;
                w[n] = load(b + (panel * depth + k + half) * PANEL + lane);
            }
            SEMSYNTH_UNROLL
            for (int r = 0; r < R; r++) {
                SEMSYNTH_UNROLL
                for (int n = 0; n < N; n++) sums[r][n] += rows[r][k + half] * w[n];
            }
        }
    }
    SEMSYNTH_UNROLL
    for (int r = 0; r < R; r++) {
        SEMSYNTH_UNROLL
        for (int n = 0; n < N; n++) {
            float* to = c + r * group + n * LANES;
            store(to, add ? load(to) + sums[r][n] : sums[r][n]);
        }
    }
}

using Micro = void (*)(const float*, const float*, int64_t, float*, int64_t, bool, const float*);

template <int N, bool AHEAD, int R = ROWS>
SEMSYNTH_INLINE Micro micro_of(int64_t rows) {
    if constexpr (R == 1) return micro<1, N, AHEAD>;
    else return rows == R ? micro<R, N, AHEAD> : micro_of<N, AHEAD, R - 1>(rows);
}

// A product c (rows, group) of a (blocks, rows, depth) and the weight of a group (blocks, group / 16, depth, 16).
struct Shape {
    int64_t rows, blocks, depth, group;
    int64_t outputs;         // the others of the group are not needed
    bool filled = false;     // c is added to
};

template <int N>
void multiply(const float* a, const float* weight, const Shape& s, int64_t first, int64_t last, float* c) {
    const int64_t calls = (s.rows + ROWS - 1) / ROWS, most = (s.rows + calls - 1) / calls;
    const int64_t longer = s.rows - (most - 1) * calls, step = N * LANES, panel = s.depth * step;
    const Micro ahead[2] = {micro_of<N, true>(most - 1), micro_of<N, true>(most)};
    const Micro plain[2] = {micro_of<N, false>(most - 1), micro_of<N, false>(most)};
    for (int64_t block = 0; block < s.blocks; block++)
        for (int64_t at = first; at < last; at += step) {
            const float* b = weight + (block * s.group + at) * s.depth;
            const float* from = a + block * s.rows * s.depth;
            float* to = c + at;
            const bool add = block || s.filled;
            for (int64_t call = 0; call < calls; call++) {
                const bool is_longer = call < longer;
                const int64_t count = is_longer ? most : most - 1;
                // The next weights, half of them in each of the first two calls.
                if (call < 2) ahead[is_longer](from, b, s.depth, to, s.group, add, b + panel + call * panel / 2);
                else plain[is_longer](from, b, s.depth, to, s.group, add, nullptr);
                from += count * s.depth, to += count * s.group;
            }
        }
}

inline void multiply_group(const float* a, const float* weight, const Shape& s, float* c) {
    if (s.outputs <= LANES && LANES < PANEL) return multiply<1>(a, weight, s, 0, LANES, c);
    const int64_t paired = s.group / (VECTORS * LANES) * (VECTORS * LANES);
    if (paired) multiply<VECTORS>(a, weight, s, 0, paired, c);
    if (LANES == PANEL && paired < s.group) multiply<1>(a, weight, s, paired, s.group, c);
}

}  // namespace
}  // namespace semsynth
