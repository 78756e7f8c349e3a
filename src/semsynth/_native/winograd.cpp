// Winograd convolution, written once and built once per instruction set (KERNELS), see convolve.h.
//
// F(4x4,3x3) has the points 0, +-sqrt(1/2), +-sqrt(2) and infinity: with them it is more exact than the direct
// sum. As in kernels.cpp, nothing of the C++ library is used here.
#include "convolve.h"
#include "micro.h"

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

// Modulates 16 channels from `channel` on.
class Modulated {
  public:
    static constexpr int PARTS = PANEL / LANES;

    Modulated(const Source& s, int64_t channel)
        : s_(s), channel_(channel), left_(s.channels - channel), whole_(left_ >= PANEL) {
        for (int i = 0; i < PARTS; i++) {
            scale_[i] = Vector{} + 1.0f, shift_[i] = gain_[i] = offset_[i] = Vector{};
            if (s.norm) scale_[i] = part(s.norm, i), shift_[i] = part(s.norm + s.channels, i);
            if (s.style) gain_[i] = part(s.style, i), offset_[i] = part(s.style + s.channels, i);
        }
    }

    // Pixels begin..end of row `y` of the map, 16 values each; zeros outside.
    void row(int64_t y, int64_t begin, int64_t end, int64_t height, int64_t width, float* to) const {
        const int64_t first = y < 0 || y >= height ? end : begin < 0 ? 0 : begin;
        const int64_t last = end < width ? end : width;
        for (int64_t x = begin; x < least(first, end); x++, to += PANEL) clear(to);
        if (s_.index) whole_ ? inside<true, true>(y, first, last, width, to) : inside<true, false>(y, first, last, width, to);
        else whole_ ? inside<false, true>(y, first, last, width, to) : inside<false, false>(y, first, last, width, to);
        if (last > first) to += (last - first) * PANEL;
        for (int64_t x = last > first ? last : first; x < end; x++, to += PANEL) clear(to);
    }

  private:
    static void clear(float* to) { std::memset(to, 0, PANEL * sizeof(float)); }
    Vector part(const float* p, int i) const { return load_part(p + channel_ + i * LANES, left_ - i * LANES); }

    template <bool TABLE, bool WHOLE>
    void inside(int64_t y, int64_t begin, int64_t end, int64_t width, float* to) const {
        const int64_t channels = s_.channels;
        const float* line = s_.x + (y >> s_.doubled) * (width >> s_.doubled) * channels + channel_;
        const float* table = s_.table + channel_;
        const int32_t* index = s_.index + y * width;
        for (int64_t x = begin; x < end; x++, to += PANEL) {
            const float* from = line + (x >> s_.doubled) * channels;
            const float* row = TABLE ? table + int64_t(index[x]) * 2 * channels : nullptr;
            SEMSYNTH_UNROLL
            for (int i = 0; i < PARTS; i++) {
                const int at = i * LANES;
                auto get = [&](const float* p) { return WHOLE ? load(p + at) : load_part(p + at, left_ - at); };
                Vector v = get(from) * scale_[i] + shift_[i];
                if (TABLE) v = v * (gain_[i] + get(row)) + (offset_[i] + get(row + channels));
                store(to + at, leaky(v, s_.slope));
            }
        }
    }

    const Source& s_;
    const int64_t channel_, left_;
    const bool whole_;
    Vector scale_[PARTS], shift_[PARTS], gain_[PARTS], offset_[PARTS];
};

template <class Kind>
void transform_input(const Convolution& c, const Strip& s, const Scratch& room, float* scratch) {
    constexpr int IN = Kind::IN, OUT = Kind::OUT;
    const Source& source = c.source;
    const int64_t high = s.rows * OUT + 2, wide = s.columns * OUT + 2, y0 = s.top * OUT - c.offset - 1, x0 = s.left * OUT - c.offset - 1;
    float* patch = scratch + room.patch;
    for (int64_t channel = 0; channel < source.depth * source.blocks; channel += PANEL) {
        const Modulated modulated(source, channel);
        for (int64_t y = 0; y < high; y++)
            modulated.row(y0 + y, x0, x0 + wide, c.height, c.width, patch + y * wide * PANEL);
        float* to = scratch + channel / source.depth * room.tiles * source.depth + channel % source.depth;
        for (int64_t i = 0; i < s.rows; i++)
            for (int64_t j = 0; j < s.columns; j++, to += source.depth)
                for (int at = 0; at < PANEL; at += LANES) {
                    const float* from = patch + (i * wide + j) * OUT * PANEL + at;
                    Vector half[IN][IN];
#pragma GCC unroll 1
                    for (int x = 0; x < IN; x++) {
                        Vector d[IN], t[IN];
                        SEMSYNTH_UNROLL
                        for (int y = 0; y < IN; y++) d[y] = load(from + (y * wide + x) * PANEL);
                        Kind::input(d, t);
                        SEMSYNTH_UNROLL
                        for (int y = 0; y < IN; y++) half[y][x] = t[y];
                    }
                    float* line = to + at;
#pragma GCC unroll 1
                    for (int y = 0; y < IN; y++, line += IN * room.input_step) {
                        Vector t[IN];
                        Kind::input(half[y], t);
                        SEMSYNTH_UNROLL
                        for (int x = 0; x < IN; x++) store(line + x * room.input_step, t[x]);
                    }
                }
    }
}

// The modulated pixels under a strip's tiles, for the 1x1 convolution.
void lay_beside(const Convolution& c, const Strip& s, const Scratch& room, float* scratch) {
    const Source& source = c.shortcut;
    const int64_t wide = s.columns * c.tile, y0 = s.top * c.tile - c.offset, x0 = s.left * c.tile - c.offset;
    float* line = scratch + room.patch;
    for (int64_t channel = 0; channel < source.depth * source.blocks; channel += PANEL) {
        const Modulated modulated(source, channel);
        float* to = scratch + room.beside + channel / source.depth * room.pixels * source.depth + channel % source.depth;
        for (int64_t y = 0; y < s.rows * c.tile; y++) {
            modulated.row(y0 + y, x0, x0 + wide, c.height, c.width, line);
            for (int64_t x = 0; x < wide; x++, to += source.depth)
                std::memcpy(to, line + x * PANEL, PANEL * sizeof(float));
        }
    }
}

template <class Kind>
void transform_output(const Convolution& c, const Strip& s, int64_t g, const Scratch& room, const float* scratch) {
    constexpr int IN = Kind::IN, OUT = Kind::OUT;
    const int64_t outputs = least(c.group, c.out_channels - g * c.group), row = c.width * c.out_channels;
    const float* bias = c.bias + g * c.group;
    for (int64_t tile = 0; tile < room.tiles; tile++) {
        const int64_t y0 = (s.top + tile / s.columns) * OUT - c.offset;
        const int64_t x0 = (s.left + tile % s.columns) * OUT - c.offset;
        const int64_t top = s.begin_y > y0 ? s.begin_y - y0 : 0, bottom = least(OUT, s.end_y - y0);
        const int64_t left = s.begin_x > x0 ? s.begin_x - x0 : 0, right = least(OUT, s.end_x - x0);
        const float* from = scratch + room.products + tile * c.group;
        for (int64_t channel = 0; channel < outputs; channel += LANES, from += LANES) {
            const int64_t count = outputs - channel, at = g * c.group + channel;
            Vector half[OUT][IN];
#pragma GCC unroll 1
            for (int x = 0; x < IN; x++) {
                Vector m[IN], t[OUT];
                SEMSYNTH_UNROLL
                for (int y = 0; y < IN; y++) m[y] = load(from + (y * IN + x) * room.product_step);
                Kind::output(m, t);
                SEMSYNTH_UNROLL
                for (int y = 0; y < OUT; y++) half[y][x] = t[y];
            }
            const Vector offset = load(bias + channel);
            for (int64_t y = top; y < bottom; y++) {
                Vector v[OUT];
                Kind::output(half[y], v);
                const int64_t pixel = (y0 + y) * row + x0 * c.out_channels + at;
                const float* beside = scratch + room.beside_products + channel +
                                      ((tile / s.columns * OUT + y) * s.columns + tile % s.columns) * OUT * c.group;
                const int up = c.residual_doubled;
                const float* residual =
                    c.residual + ((y0 + y) >> up) * (c.width >> up) * c.out_channels + at;
                for (int64_t x = left; x < right; x++) {
                    Vector sum = v[x] + offset;
                    if (c.shortcut.x) sum += load(beside + x * c.group);
                    if (c.residual) sum += load_part(residual + ((x0 + x) >> up) * c.out_channels, count);
                    if (c.noise) sum += load_part(c.noise + pixel + x * c.out_channels, count);
                    store_part(c.out + pixel + x * c.out_channels, leaky(sum, c.slope), count);
                }
            }
        }
    }
}

template <class Kind>
void convolve(const Convolution& c, const Strip& s, int64_t first, int64_t last, float* scratch, bool transformed) {
    const Scratch room(c, s.rows * s.columns);
    const Source &source = c.source, &shortcut = c.shortcut;
    if (!transformed) {
        transform_input<Kind>(c, s, room, scratch);
        if (shortcut.x) lay_beside(c, s, room, scratch);
    }
    const int64_t block = source.depth * source.blocks * c.group, outputs = c.out_channels;
    for (int64_t g = first; g < last; g++) {
        for (int64_t p = 0; p < room.positions; p++)
            multiply_group(scratch + p * room.input_step, source.weight + (g * room.positions + p) * block,
                           {room.tiles, source.blocks, source.depth, c.group, outputs},
                           scratch + room.products + p * room.product_step);
        if (shortcut.x)
            multiply_group(scratch + room.beside, shortcut.weight + g * shortcut.depth * shortcut.blocks * c.group,
                           {room.pixels, shortcut.blocks, shortcut.depth, c.group, outputs},
                           scratch + room.beside_products);
        transform_output<Kind>(c, s, g, room, scratch);
    }
}

}  // namespace

#define JOINED(a, b) a##b
#define NAMED(set) JOINED(convolve_, set)
void NAMED(KERNELS)(const Convolution& c, const Strip& s, int64_t first, int64_t last, float* scratch,
                    bool transformed) {
    (c.tile == 4 ? convolve<Four> : convolve<Two>)(c, s, first, last, scratch, transformed);
}

}  // namespace semsynth
