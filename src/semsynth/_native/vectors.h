// The vectors of one instruction set, by the compiler's vector types: all that the float32 convolutions know of it.
#pragma once

#include <cstdint>
#include <cstring>

namespace semsynth {
namespace {

// LANES of a vector; the micro-kernel keeps ROWS x VECTORS of them in registers.
#if defined(__AVX512F__)
constexpr int LANES = 16, ROWS = 12, VECTORS = 2;
#elif defined(__AVX2__)
constexpr int LANES = 8, ROWS = 6, VECTORS = 2;
#elif defined(__aarch64__)
constexpr int LANES = 4, ROWS = 5, VECTORS = 4;
#elif defined(__wasm__)
constexpr int LANES = 4, ROWS = 4, VECTORS = 4;  // loads cost more than the few sums that do not fit on x86-64
#else
constexpr int LANES = 4, ROWS = 2, VECTORS = 4;
#endif

using Vector = float __attribute__((vector_size(LANES * sizeof(float))));
using Unaligned = float __attribute__((vector_size(LANES * sizeof(float)), aligned(4), may_alias));

#if defined(__clang__)
#define SEMSYNTH_UNROLL _Pragma("unroll")
#else
#define SEMSYNTH_UNROLL _Pragma("GCC unroll 16")
#endif
#define SEMSYNTH_INLINE inline __attribute__((always_inline))

SEMSYNTH_INLINE Vector load(const float* p) { return *reinterpret_cast<const Unaligned*>(p); }
SEMSYNTH_INLINE void store(float* p, Vector v) { *reinterpret_cast<Unaligned*>(p) = v; }

// The first `n` lanes, none where n <= 0; the others are zero.
inline Vector load_part(const float* p, int64_t n) {
    if (n >= LANES) return load(p);
    Vector v{};
    for (int64_t i = 0; i < n; i++) v[i] = p[i];
    return v;
}
inline void store_part(float* p, Vector v, int64_t n) {
    if (n >= LANES) return store(p, v);
    for (int64_t i = 0; i < n; i++) p[i] = v[i];
}

SEMSYNTH_INLINE Vector leaky(Vector v, float slope) { return v > 0.0f ? v : v * slope; }

}  // namespace
}  // namespace semsynth
