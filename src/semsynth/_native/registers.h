// What the kernels on planes share: 32 channels at a time in registers, and the affine map of a plane.
#pragma once

#include "amx.h"
#include "tiles.h"

namespace semsynth {
namespace {

using bfloat16 = uint16_t;

struct Pair {  // 32 channels in float32
    __m512 low, high;
};

inline Pair load(const bfloat16* p) {
    const __m512i v = _mm512_loadu_si512(p);
    return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_castsi512_si256(v)), 16)),
            _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(v, 1)), 16))};
}

inline Pair load(const float* p) { return {_mm512_loadu_ps(p), _mm512_loadu_ps(p + 16)}; }

inline void store(bfloat16* p, Pair v) { _mm512_storeu_si512(p, (__m512i)_mm512_cvtne2ps_pbh(v.high, v.low)); }

inline Pair operator+(Pair a, Pair b) { return {_mm512_add_ps(a.low, b.low), _mm512_add_ps(a.high, b.high)}; }

inline Pair leaky(Pair v, __m512 slope) {  // slopes are at most 1
    return {_mm512_max_ps(v.low, _mm512_mul_ps(v.low, slope)), _mm512_max_ps(v.high, _mm512_mul_ps(v.high, slope))};
}

// One plane of an affine map, for the positions of one sample.
class AmxAffine {
  public:
    AmxAffine() = default;
    AmxAffine(const Affine& a, int64_t block, int64_t blocks, int64_t sample)
        : table_(static_cast<const bfloat16*>(a.table)), index_(a.index), slope_(_mm512_set1_ps(a.slope)) {
        if (table_) table_ += block * a.rows * 2 * PLANE;
        if (a.style && table_) {
            wide_ = blocks * PLANE, styles_ = a.style + block * PLANE, style_of_ = a.style_of;
            const float* style = styles_ + sample * 2 * wide_;
            scale_ = load(style), shift_ = load(style + wide_);
        }
    }
    Pair operator()(Pair v, int64_t position) const {
        if (table_) {
            const bfloat16* row = table_ + int64_t(index_[position]) * 2 * PLANE;
            Pair scale = load(row), shift = load(row + PLANE);
            if (style_of_) {
                const float* style = styles_ + int64_t(style_of_[index_[position]]) * 2 * wide_;
                scale = scale + load(style), shift = shift + load(style + wide_);
            } else if (styles_) {
                scale = scale + scale_, shift = shift + shift_;
            }
            v = {_mm512_fmadd_ps(v.low, scale.low, shift.low), _mm512_fmadd_ps(v.high, scale.high, shift.high)};
        }
        return leaky(v, slope_);
    }

  private:
    const bfloat16* table_ = nullptr;
    const int32_t* index_ = nullptr;
    __m512 slope_{};
    Pair scale_{}, shift_{};
    const float* styles_ = nullptr;
    const int32_t* style_of_ = nullptr;
    int64_t wide_ = 0;
};

inline int64_t sample_of(int64_t position, int64_t height, int64_t width) {
    return position / ((height + 2) * (width + 2));
}

}  // namespace
}  // namespace semsynth
