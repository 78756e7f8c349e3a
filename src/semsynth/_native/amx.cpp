// Modulation of planes, and going through a block strip by strip. See product.cpp for the convolutions.
#include "amx.h"

#include "registers.h"

namespace semsynth {
namespace {

constexpr int64_t BAND = 64;  // rows of a map that a thread goes down

}  // namespace

void modulate_planes(const AmxModulation& m, int64_t begin, int64_t end) {
    const bool two = m.affine[1].table != nullptr;
    for (int64_t row = begin; row < end; row++) {
        const int64_t first = m.rows[2 * row], last = first + m.rows[2 * row + 1];
        const int64_t sample = sample_of(first, m.height, m.width);
        for (int64_t block = 0; block < m.blocks; block++) {
            const bfloat16* x = static_cast<const bfloat16*>(m.x) + block * m.x_positions * PLANE;
            bfloat16* y0 = static_cast<bfloat16*>(m.y[0]) + block * m.positions * PLANE;
            bfloat16* y1 = static_cast<bfloat16*>(m.y[1]) + block * m.positions * PLANE;
            const AmxAffine affine0(m.affine[0], block, m.blocks, sample);
            const AmxAffine affine1(m.affine[1], block, m.blocks, sample);
            for (int64_t at = first; at < last; at++) {
                const Pair v = load(x + (m.source ? m.source[at] : at) * PLANE);
                store(y0 + at * PLANE, affine0(v, at));
                if (two) store(y1 + at * PLANE, affine1(v, at));
            }
        }
    }
}

// The bands of a map are its rows, BAND at a time.
int64_t chain_bands(const Chain& c) {
    const AmxModulation& m = *c.modulation;
    return c.whole ? m.num_rows / m.height * ((m.height + BAND - 1) / BAND) : 0;
}

// Go down a band strip by strip, through all stages: what a stage reads is still near when it was just written.
// A product sees one row more than it makes, so the earlier stages begin and end the earlier and later; rows at
// the edge of a band are made by the neighbour too.
void chain(const Chain& c, int64_t band) {
    const AmxModulation& m = *c.modulation;
    const int64_t bands = (m.height + BAND - 1) / BAND, sample = band / bands * m.height;
    const int64_t top = band % bands * BAND, bottom = top + BAND < m.height ? top + BAND : m.height;
    int64_t done[MOST_PRODUCTS + 1];
    for (int64_t i = 0; i <= c.count; i++) {
        const int64_t first = top - (c.count - i);
        done[i] = first > 0 ? first : 0;
    }
    use_tiles();
    for (int64_t row = top; row < bottom;) {
        row = row + c.strip < bottom ? row + c.strip : bottom;
        for (int64_t i = 0; i <= c.count; i++) {
            const int64_t until = row + c.count - i < m.height ? row + c.count - i : m.height;
            if (i == 0) modulate_planes(m, sample + done[0], sample + until);
            else multiply_rows(*c.products[i - 1], sample + done[i], sample + until, 0, c.products[i - 1]->out_blocks);
            if (until > done[i]) done[i] = until;
        }
    }
    release_tiles();
}

}  // namespace semsynth
