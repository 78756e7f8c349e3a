// The instructions that the kernels on planes use: of the matrix unit (AMX), and of 512-bit registers.
//
// SEMSYNTH_EMULATED replaces them by plain C++ of the same names and the same arithmetic, which runs on every
// processor: so the code around them can be tested where there is no matrix unit.
#pragma once

#if !defined(SEMSYNTH_EMULATED)

#include <immintrin.h>

#else

#include <cmath>
#include <cstdint>
#include <cstring>

namespace semsynth {
namespace {

typedef float __m512 __attribute__((vector_size(64)));
typedef uint32_t __m512i __attribute__((vector_size(64)));  // of 32-bit values throughout
typedef uint16_t __m256i __attribute__((vector_size(32)));
typedef uint16_t __m512bh __attribute__((vector_size(64)));

enum { _MM_HINT_T0, _MM_HINT_T1 };
inline void _mm_prefetch(const char*, int) {}

template <class Vector>
inline Vector read(const void* p) {
    Vector v;
    std::memcpy(&v, p, sizeof v);
    return v;
}

inline __m512 _mm512_loadu_ps(const float* p) { return read<__m512>(p); }
inline __m512 _mm512_load_ps(const float* p) { return read<__m512>(p); }
inline __m512i _mm512_loadu_si512(const void* p) { return read<__m512i>(p); }
inline void _mm512_storeu_si512(void* p, __m512i v) { std::memcpy(p, &v, sizeof v); }
inline __m512 _mm512_set1_ps(float x) { return x - __m512{}; }
inline __m512 _mm512_add_ps(__m512 a, __m512 b) { return a + b; }
inline __m512 _mm512_mul_ps(__m512 a, __m512 b) { return a * b; }
inline __m512 _mm512_max_ps(__m512 a, __m512 b) { return a > b ? a : b; }
inline __m512 _mm512_fmadd_ps(__m512 a, __m512 b, __m512 c) {
    for (int i = 0; i < 16; i++) c[i] = std::fma(a[i], b[i], c[i]);
    return c;
}
inline __m512 _mm512_castsi512_ps(__m512i v) { return (__m512)v; }
inline __m512i _mm512_slli_epi32(__m512i v, int bits) { return v << bits; }
inline __m256i _mm512_castsi512_si256(__m512i v) { return read<__m256i>(&v); }
inline __m256i _mm512_extracti64x4_epi64(__m512i v, int half) { return read<__m256i>((const char*)&v + 32 * half); }
inline __m512i _mm512_cvtepu16_epi32(__m256i v) { return __builtin_convertvector(v, __m512i); }

inline float flushed(float x) { return std::fpclassify(x) == FP_SUBNORMAL ? std::copysign(0.0f, x) : x; }

// To the nearest, ties to even; subnormal numbers are zero, and what is no number stays so.
inline uint16_t rounded(float x) {
    const uint32_t bits = read<uint32_t>(&(x = flushed(x)));
    return std::isnan(x) ? bits >> 16 | 64 : (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

inline __m512bh _mm512_cvtne2ps_pbh(__m512 high, __m512 low) {
    __m512bh v;
    for (int i = 0; i < 16; i++) v[i] = rounded(low[i]), v[16 + i] = rounded(high[i]);
    return v;
}

// A tile is 16 rows of 64 bytes: 16 float32, or 16 pairs of bfloat16.
struct Tile {
    uint32_t values[16][16];
};
thread_local Tile tiles[8];

inline void _tile_loadconfig(const void*) {}
inline void _tile_release() {}
inline void _tile_zero(int tile) { tiles[tile] = {}; }
inline void _tile_loadd(int tile, const void* p, int64_t stride) {
    for (int i = 0; i < 16; i++) std::memcpy(tiles[tile].values[i], (const char*)p + i * stride, 64);
}
inline void _tile_stored(int tile, void* p, int64_t stride) {
    for (int i = 0; i < 16; i++) std::memcpy((char*)p + i * stride, tiles[tile].values[i], 64);
}

inline __m512 even(__m512i pairs) { return (__m512)(pairs << 16); }
inline __m512 odd(__m512i pairs) { return (__m512)(pairs & 0xffff0000u); }

// sums (pixels, outputs) += a (pixels, pairs of inputs) * b (pairs of inputs, outputs)
inline void _tile_dpbf16ps(int sums, int a, int b) {
    for (int i = 0; i < 16; i++) {
        __m512 first{}, second{};  // the sums over each pair's two members are joined at the end
        for (int k = 0; k < 16; k++) {
            const __m512i weights = _mm512_loadu_si512(tiles[b].values[k]);
            const __m512i pixel = tiles[a].values[i][k] - __m512i{};
            first += even(pixel) * even(weights);  // such products are exact
            second += odd(pixel) * odd(weights);
        }
        const __m512 sum = read<__m512>(tiles[sums].values[i]) + (first + second);
        std::memcpy(tiles[sums].values[i], &sum, sizeof sum);
    }
}

}  // namespace
}  // namespace semsynth

#endif
