// Winograd's transforms along one axis, of the points 0, +-sqrt(1/2), +-sqrt(2) and infinity for F(4,3).
//
// With these points F(4x4,3x3) is more exact than the direct sum.
#pragma once

#include "vectors.h"

namespace semsynth {
namespace {

constexpr float ROOT_HALF = 0.70710678118654752f, ROOT_TWO = 1.41421356237309505f;

struct Four {
    static constexpr int OUT = 4, IN = 6;
    static SEMSYNTH_INLINE void input(const Vector* d, Vector* t) {
        const Vector even_a = d[4] - 2.0f * d[2], odd_a = ROOT_HALF * (d[3] - 2.0f * d[1]);
        const Vector even_b = d[4] - 0.5f * d[2], odd_b = ROOT_TWO * (d[3] - 0.5f * d[1]);
        t[0] = (d[0] + d[4]) - 2.5f * d[2];
        t[1] = even_a + odd_a, t[2] = even_a - odd_a;
        t[3] = even_b + odd_b, t[4] = even_b - odd_b;
        t[5] = (d[1] + d[5]) - 2.5f * d[3];
    }
    static SEMSYNTH_INLINE void output(const Vector* m, Vector* y) {
        const Vector sum_a = m[1] + m[2], sum_b = m[3] + m[4];
        const Vector difference_a = ROOT_HALF * (m[1] - m[2]), difference_b = ROOT_TWO * (m[3] - m[4]);
        y[0] = m[0] + (sum_a + sum_b);
        y[1] = difference_a + difference_b;
        y[2] = 0.5f * sum_a + 2.0f * sum_b;
        y[3] = (0.5f * difference_a + 2.0f * difference_b) + m[5];
    }
    // The transpose of `output`: what the gradient of a tile's outputs makes of its products.
    static SEMSYNTH_INLINE void output_gradient(const Vector* y, Vector* m) {
        const Vector even_a = y[0] + 0.5f * y[2], odd_a = ROOT_HALF * (y[1] + 0.5f * y[3]);
        const Vector even_b = y[0] + 2.0f * y[2], odd_b = ROOT_TWO * (y[1] + 2.0f * y[3]);
        m[0] = y[0];
        m[1] = even_a + odd_a, m[2] = even_a - odd_a;
        m[3] = even_b + odd_b, m[4] = even_b - odd_b;
        m[5] = y[3];
    }
    static SEMSYNTH_INLINE void weight(const Vector* w, Vector* t) {
        const Vector even_a = w[0] + 0.5f * w[2], odd_a = ROOT_HALF * w[1];
        const Vector even_b = w[0] + 2.0f * w[2], odd_b = ROOT_TWO * w[1];
        t[0] = w[0];
        t[1] = A * (even_a + odd_a), t[2] = A * (even_a - odd_a);
        t[3] = B * (even_b + odd_b), t[4] = B * (even_b - odd_b);
        t[5] = w[2];
    }
    // The transpose of `weight`.
    static SEMSYNTH_INLINE void weight_gradient(const Vector* t, Vector* w) {
        const Vector sum_a = A * (t[1] + t[2]), difference_a = A * (t[1] - t[2]);
        const Vector sum_b = B * (t[3] + t[4]), difference_b = B * (t[3] - t[4]);
        w[0] = t[0] + (sum_a + sum_b);
        w[1] = ROOT_HALF * difference_a + ROOT_TWO * difference_b;
        w[2] = (0.5f * sum_a + 2.0f * sum_b) + t[5];
    }

  private:
    static constexpr float A = -1 / 1.5f, B = 1 / 6.0f;
};

struct Two {
    static constexpr int OUT = 2, IN = 4;
    static SEMSYNTH_INLINE void input(const Vector* d, Vector* t) {
        t[0] = d[0] - d[2], t[1] = d[1] + d[2], t[2] = d[2] - d[1], t[3] = d[3] - d[1];
    }
    static SEMSYNTH_INLINE void output(const Vector* m, Vector* y) {
        y[0] = m[0] + (m[1] + m[2]), y[1] = (m[1] - m[2]) + m[3];
    }
};

}  // namespace
}  // namespace semsynth
