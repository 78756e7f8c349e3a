// Winograd convolution, written once and built once per instruction set (KERNELS), see convolve.h.
//
// As in kernels.cpp, nothing of the C++ library is used here.
#include "convolve.h"
#include "micro.h"
#include "transforms.h"

namespace semsynth {
namespace {

struct Yes { static constexpr bool value = true; };
struct No { static constexpr bool value = false; };

// Modulates 16 channels from `channel` on.
class Modulated {
  public:
    static constexpr int PARTS = PANEL / LANES;

    Modulated(const Source& s, int64_t channel)
        : s_(s), channel_(channel), left_(s.channels - channel), whole_(left_ >= PANEL) {
        for (int i = 0; i < PARTS; i++) {
            scale_[i] = Vector{} + 1.0f, shift_[i] = gain_[i] = offset_[i] = Vector{};
            if (s.norm) scale_[i] = part(s.norm, i), shift_[i] = part(s.norm + s.channels, i);
            if (s.style && !s.style_of) gain_[i] = part(s.style, i), offset_[i] = part(s.style + s.channels, i);
        }
    }

    // Pixels begin..end of row `y` of the map, 16 values each, `step` apart; zeros outside.
    void row(int64_t y, int64_t begin, int64_t end, int64_t height, int64_t width, float* to, int64_t step) const {
        const bool outside = y < 0 || y >= height;
        const int64_t first = outside ? end : begin < 0 ? 0 : begin, last = outside ? end : least(end, width);
        for (int64_t x = begin; x < first; x++, to += step) std::memset(to, 0, PANEL * sizeof(float));
        const auto fill =
            !s_.index ? (whole_ ? &Modulated::inside<false, false, true> : &Modulated::inside<false, false, false>)
            : s_.style_of ? (whole_ ? &Modulated::inside<true, true, true> : &Modulated::inside<true, true, false>)
                          : (whole_ ? &Modulated::inside<true, false, true> : &Modulated::inside<true, false, false>);
        (this->*fill)(y, first, last, width, to, step);
        to += (last - first) * step;
        for (int64_t x = last; x < end; x++, to += step) std::memset(to, 0, PANEL * sizeof(float));
    }

  private:
    Vector part(const float* p, int i) const { return load_part(p + channel_ + i * LANES, left_ - i * LANES); }

    template <bool TABLE, bool STYLES, bool WHOLE>
    void inside(int64_t y, int64_t begin, int64_t end, int64_t width, float* to, int64_t step) const {
        const int64_t channels = s_.channels, doubled = s_.doubled, left = left_;
        const float* line = s_.x + (y >> doubled) * (width >> doubled) * channels + channel_;
        const float* table = s_.table + channel_;
        const float* styles = s_.style + channel_;
        const int32_t* index = s_.index + y * width;
        const float slope = s_.slope;
        const bool normed = s_.norm;
        Vector scale[PARTS], shift[PARTS], gain[PARTS], offset[PARTS];  // in registers: `to` may be anything's
        SEMSYNTH_UNROLL
        for (int i = 0; i < PARTS; i++)
            scale[i] = scale_[i], shift[i] = shift_[i], gain[i] = gain_[i], offset[i] = offset_[i];
        for (int64_t x = begin; x < end; x++, to += step) {
            const float* from = line + (x >> doubled) * channels;
            const float* row = TABLE ? table + int64_t(index[x]) * 2 * channels : nullptr;
            const float* style = STYLES ? styles + int64_t(s_.style_of[index[x]]) * 2 * channels : nullptr;
            SEMSYNTH_UNROLL
            for (int i = 0; i < PARTS; i++) {
                const int at = i * LANES;
                auto get = [&](const float* p) { return WHOLE ? load(p + at) : load_part(p + at, left - at); };
                Vector v = get(from);
                if (normed) v = v * scale[i] + shift[i];
                if (STYLES) gain[i] = get(style), offset[i] = get(style + channels);
                if (TABLE) v = v * (gain[i] + get(row)) + (offset[i] + get(row + channels));
                store(to + at, leaky(v, slope));
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
    const int64_t high = s.rows * OUT + 2, wide = s.columns * OUT + 2;
    const int64_t y0 = s.top * OUT - c.offset - 1, x0 = s.left * OUT - c.offset - 1;
    float* patch = scratch + room.patch;
    for (int64_t channel = 0; channel < source.depth * source.blocks; channel += PANEL) {
        const Modulated modulated(source, channel);
        for (int64_t y = 0; y < high; y++)
            modulated.row(y0 + y, x0, x0 + wide, c.height, c.width, patch + y * wide * PANEL, PANEL);
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
    // Row by row: what a row sees stays in the first cache.
    for (int64_t y = 0; y < s.rows * c.tile; y++)
        for (int64_t channel = 0; channel < source.depth * source.blocks; channel += PANEL) {
            const int64_t block = channel / source.depth, within = channel % source.depth;
            float* to = scratch + room.beside + (block * room.pixels + y * wide) * source.depth + within;
            Modulated(source, channel).row(y0 + y, x0, x0 + wide, c.height, c.width, to, source.depth);
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
            const int up = c.residual_doubled;
            for (int64_t y = top; y < bottom; y++) {
                Vector v[OUT];
                Kind::output(half[y], v);
                const int64_t pixel = (y0 + y) * row + x0 * c.out_channels + at;
                const int64_t place = ((tile / s.columns * OUT + y) * s.columns + tile % s.columns) * OUT;
                const float* beside = scratch + room.beside_products + place * c.group + channel;
                const float* residual = c.residual + ((y0 + y) >> up) * (c.width >> up) * c.out_channels + at;
                auto finish = [&](auto whole) {
                    constexpr bool WHOLE = decltype(whole)::value;
                    auto get = [&](const float* p) { return WHOLE ? load(p) : load_part(p, count); };
                    for (int64_t x = left; x < right; x++) {
                        Vector sum = v[x] + offset;
                        if (c.shortcut.x) sum += load(beside + x * c.group);
                        if (c.residual) sum += get(residual + ((x0 + x) >> up) * c.out_channels);
                        if (c.noise) sum += get(c.noise + pixel + x * c.out_channels);
                        sum = leaky(sum, c.slope);
                        float* to = c.out + pixel + x * c.out_channels;
                        WHOLE ? store(to, sum) : store_part(to, sum, count);
                    }
                };
                count >= LANES ? finish(Yes{}) : finish(No{});
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
