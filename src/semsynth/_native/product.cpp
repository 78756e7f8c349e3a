// Built for processors with AMX only; library.cpp asks matrix_unit() before it calls anything else here.
#include "amx.h"

#if !defined(SEMSYNTH_EMULATED)
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include <cstdlib>

#include "registers.h"
#include "tiles.h"

namespace semsynth {
namespace {

constexpr int64_t TILE = 16;                  // pixels of a tile, and outputs of half a block
constexpr int64_t STEP_VALUES = PLANE * 2 * TILE;  // weights of one step: two tiles
constexpr int64_t LINE = 32;                  // bfloat16 values of a cache line
constexpr int64_t NEAR = 9;                   // steps ahead of which pixels are fetched into the first cache
constexpr int64_t FEW_PAIRS = 64;             // of tiles a block's weights are used for

struct alignas(64) TileConfiguration {
    uint8_t palette, start_row, reserved[14];
    uint16_t bytes[16];
    uint8_t rows[16];
};
// A constant: a constructor would run on every processor, and may hold instructions that most lack.
constexpr TileConfiguration CONFIGURATION = {
    1, 0, {}, {64, 64, 64, 64, 64, 64, 64, 64}, {16, 16, 16, 16, 16, 16, 16, 16}};

struct Run {  // up to 16 pixels of a row
    int64_t position = 0, count = 0;
};

// Walks the runs of rows begin .. end. The last run of a long row overlaps the one before: tiles stay whole.
class Runs {
  public:
    Runs(const int32_t* rows, int64_t begin, int64_t end) : rows_(rows), row_(begin), end_(end) {}
    bool next(Run& run) {
        if (row_ == end_) return false;
        const int64_t first = rows_[2 * row_], count = rows_[2 * row_ + 1];
        if (count - x_ >= TILE) run = {first + x_, TILE};
        else if (count >= TILE) run = {first + count - TILE, TILE};
        else run = {first, count};
        x_ += TILE;
        if (x_ >= count) x_ = 0, row_++;
        return true;
    }

  private:
    const int32_t* rows_;
    int64_t row_, end_, x_ = 0;
};

// What is left to do with the sums of two runs: from float32 sums to features, a pixel at a time, so that it can
// be done while the matrix unit works on the next two.
class Finish {
  public:
    void begin(const Product& p, int64_t block, const Run* runs, int64_t count, const float* sums) {
        bias_ = load(p.bias + block * PLANE);
        out_ = static_cast<bfloat16*>(p.out) + block % p.out_period * p.out_plane + block / p.out_period * PLANE;
        out_stride_ = p.out_stride;
        add_ = p.add ? static_cast<const bfloat16*>(p.add) + block * p.add_positions * PLANE : nullptr;
        source_ = p.source;
        for (int64_t i = 0; i < count; i++) {
            const int64_t sample = sample_of(runs[i].position, p.height, p.width);
            parts_[i] = {AmxAffine(p.affine, block, p.out_blocks, sample), runs[i], sums + i * 2 * TILE * TILE};
        }
        count_ = count, part_ = at_ = 0;
    }
    void pixels(int64_t count) {
        for (; part_ < count_ && count; count--) {
            pixel(parts_[part_]);
            if (++at_ == parts_[part_].run.count) at_ = 0, part_++;
        }
    }
    void rest() { pixels(2 * TILE); }

  private:
    struct Part {
        AmxAffine affine;
        Run run;
        const float* sums = nullptr;
    };
    inline void pixel(const Part& part) {
        const int64_t position = part.run.position + at_;
        const float* sums = part.sums + at_ * TILE;
        Pair v = Pair{_mm512_load_ps(sums), _mm512_load_ps(sums + TILE * TILE)} + bias_;
        if (add_) v = v + load(add_ + (source_ ? source_[position] : position) * PLANE);
        store(out_ + position * out_stride_, part.affine(v, position));
    }

    Part parts_[2];
    int64_t count_ = 0, part_ = 0, at_ = 0;  // of the parts, which one, and the pixel of it
    Pair bias_{};
    bfloat16* out_ = nullptr;
    const bfloat16* add_ = nullptr;
    const int32_t* source_ = nullptr;
    int64_t out_stride_ = 0;
};

// Bring the tile that begins here near. Where the tile before is one pixel to the left, one line is new.
inline void fetch(const bfloat16* tile, bool one_line) {
    if (one_line) return _mm_prefetch((const char*)(tile + (TILE - 1) * PLANE), _MM_HINT_T0);
    for (int64_t line = 0; line < TILE; line++) _mm_prefetch((const char*)(tile + line * PLANE), _MM_HINT_T0);
}

// The sums of 2 runs x 32 outputs, in `sums` as four tiles: run 0 low and high outputs, run 1 likewise.
inline void multiply(const int64_t* steps, int64_t num_steps, const bfloat16* a0, const bfloat16* a1,
                     const bfloat16* weight, const bfloat16* ahead, int64_t ahead_lines, float* sums, Finish& before) {
    const int64_t pixels = (2 * TILE + num_steps - 1) / num_steps;
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int64_t k = 0; k < num_steps; k++, weight += STEP_VALUES) {
        const int64_t step = steps[k];
        _tile_loadd(4, a0 + step, 64);
        _tile_loadd(6, weight, 64);
        _tile_loadd(7, weight + STEP_VALUES / 2, 64);
        _tile_loadd(5, a1 + step, 64);
        if (k + NEAR < num_steps) {
            const int64_t next = steps[k + NEAR];
            const bool one_line = next - steps[k + NEAR - 1] == PLANE;
            fetch(a0 + next, one_line), fetch(a1 + next, one_line);
        }
        for (int64_t line = 0; line < ahead_lines; line++, ahead += LINE) _mm_prefetch((const char*)ahead, _MM_HINT_T1);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
        before.pixels(pixels);
    }
    _tile_stored(0, sums, 64);
    _tile_stored(1, sums + 256, 64);
    _tile_stored(2, sums + 512, 64);
    _tile_stored(3, sums + 768, 64);
}

void finish_image(const Product& p, Run run, const float* sums) {
    const int64_t framed = p.width + 2, sample = sample_of(run.position, p.height, p.width);
    const int64_t inside = run.position - sample * (p.height + 2) * framed;
    const int64_t y = inside / framed - 1, x = inside % framed - 1;
    for (int64_t c = 0; c < 3; c++) {
        float* out = p.image + ((sample * 3 + c) * p.height + y) * p.width + x;
        for (int64_t r = 0; r < run.count; r++) out[r] = sums[r * TILE + c] + p.bias[c];
    }
}

// Memory of a thread, kept from call to call.
class Scratch {
  public:
    ~Scratch() { std::free(values_); }
    void* get(size_t bytes) {
        if (bytes > size_) {
            std::free(values_);
            size_ = (bytes + 4095) / 4096 * 4096;
            values_ = std::aligned_alloc(4096, size_);
        }
        return values_;
    }

  private:
    void* values_ = nullptr;
    size_t size_ = 0;
};
thread_local Scratch scratch;

// What a strip of positions multiplies: planes as they are, or gathered rows laid out as planes.
struct Source {
    const bfloat16* x;     // of position 0
    const int64_t* steps;
};

Source gather(const Product& p, int64_t first, int64_t count) {
    const int64_t blocks = p.num_steps / p.taps, values = (p.num_steps * count + TILE) * PLANE;
    auto* planes = static_cast<bfloat16*>(scratch.get(values * sizeof(bfloat16) + p.num_steps * sizeof(int64_t)));
    auto* steps = reinterpret_cast<int64_t*>(planes + values);
    for (int64_t k = 0; k < p.num_steps; k++) steps[k] = k * count * PLANE;
    const bfloat16* x = static_cast<const bfloat16*>(p.x);
    for (int64_t t = 0; t < p.taps; t++) {
        for (int64_t i = 0; i < count; i++) {
            const bfloat16* from = x + int64_t(p.windows[(first + i) * p.taps + t]) * blocks * PLANE;
            bfloat16* to = planes + (t * blocks * count + i) * PLANE;
            for (int64_t b = 0; b < blocks; b++, to += count * PLANE)
                _mm512_storeu_si512(to, _mm512_loadu_si512(from + b * PLANE));
        }
    }
    return {planes - first * PLANE, steps};
}

}  // namespace

void use_tiles() { _tile_loadconfig(&CONFIGURATION); }
void release_tiles() { _tile_release(); }

void multiply_rows(const Product& p, int64_t begin, int64_t end, int64_t first, int64_t last) {
    if (begin >= end) return;
    const int32_t* tail = p.rows + 2 * (end - 1);
    const int64_t start = p.rows[2 * begin];
    const Source source = p.windows ? gather(p, start, tail[0] + tail[1] - start)
                                    : Source{static_cast<const bfloat16*>(p.x), p.steps};
    int64_t runs_of_rows = 0;
    for (int64_t i = begin; i < end; i++) runs_of_rows += (p.rows[2 * i + 1] + TILE - 1) / TILE;
    const int64_t pairs = (runs_of_rows + 1) / 2;
    // With few pixels the next block's weights would be waited for: bring them near meanwhile.
    const int64_t ahead_lines = pairs <= FEW_PAIRS ? (STEP_VALUES / LINE + pairs - 1) / pairs : 0;
    alignas(64) float sums[2][4 * TILE * TILE];
    int64_t turn = 0;
    Finish before;
    for (int64_t block = first; block < last; block++) {
        const bfloat16* weight = static_cast<const bfloat16*>(p.weight) + block * p.num_steps * STEP_VALUES;
        const bfloat16* ahead = weight + p.num_steps * STEP_VALUES;
        const int64_t lines = block + 1 < last ? ahead_lines : 0;
        Runs runs(p.rows, begin, end);
        for (Run pair[2]; runs.next(pair[0]); turn ^= 1) {
            const int64_t count = runs.next(pair[1]) ? 2 : 1;
            if (count == 1) pair[1] = pair[0];
            multiply(source.steps, p.num_steps, source.x + pair[0].position * PLANE,
                     source.x + pair[1].position * PLANE, weight, ahead, lines, sums[turn], before);
            ahead += p.num_steps * lines * LINE;
            if (p.image) {
                for (int64_t i = 0; i < count; i++) finish_image(p, pair[i], sums[turn] + i * 2 * TILE * TILE);
            } else {
                before.rest();
                before.begin(p, block, pair, count, sums[turn]);
            }
        }
    }
    before.rest();
}

#if defined(SEMSYNTH_EMULATED)
bool matrix_unit() { return true; }
#else
bool matrix_unit() {
    constexpr int REQUEST = 0x1023, TILE_DATA = 18;  // arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA)
    unsigned a = 0, b = 0, c = 0, d = 0;
    asm volatile("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(7), "c"(0));
    const bool here = (d >> 22 & 1) && (d >> 24 & 1);  // AMX-BF16, AMX-TILE
    return here && syscall(SYS_arch_prctl, REQUEST, TILE_DATA) == 0;
}
#endif

// Tasks are strips of rows, each for a part of the outputs: few rows share the weights, many share the pixels.
int64_t product_tasks(const Product& p, int threads) {
    const int64_t strips = (p.num_rows + p.strip - 1) / p.strip;
    const int64_t wanted = 4 * threads;
    int64_t parts = strips >= wanted ? 1 : (wanted + strips - 1) / strips;
    if (parts > p.out_blocks) parts = p.out_blocks;
    return strips * parts;
}

void product(const Product& p, int64_t task, int64_t tasks) {
    const int64_t strips = (p.num_rows + p.strip - 1) / p.strip, parts = tasks / strips;
    const int64_t begin = task / parts * p.strip, part = task % parts;
    const int64_t end = begin + p.strip < p.num_rows ? begin + p.strip : p.num_rows;
    use_tiles();
    multiply_rows(p, begin, end, p.out_blocks * part / parts, p.out_blocks * (part + 1) / parts);
    release_tiles();
}

}  // namespace semsynth
