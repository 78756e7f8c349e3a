// The library's C interface: which instruction set runs, on which threads, and one function per operation.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <thread>
#include <memory>
#include <vector>

#include "convolve.h"
#include "kernels.h"
#include "levels.h"
#include "patches.h"
#include "amx.h"
#include "training.h"

namespace semsynth {
namespace {

uint32_t features() {
    uint32_t flags = 0;
#if defined(SEMSYNTH_X86)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2")) flags |= HAS_AVX2;
    if (__builtin_cpu_supports("fma")) flags |= HAS_FMA;
    if (__builtin_cpu_supports("avx512f")) flags |= HAS_AVX512F;
    if (__builtin_cpu_supports("avx512bw")) flags |= HAS_AVX512BW;
    if (__builtin_cpu_supports("avx512vl")) flags |= HAS_AVX512VL;
    if (__builtin_cpu_supports("avx512dq")) flags |= HAS_AVX512DQ;
#if defined(SEMSYNTH_AVX512_BF16)
    if (__builtin_cpu_supports("avx512bf16")) flags |= HAS_AVX512_BF16;
#endif
#if defined(SEMSYNTH_MATRIX_UNIT)
    if (level_of(flags) == AVX512_BF16 && matrix_unit()) flags |= HAS_AMX;  // its file is built with AVX-512
#endif
#endif
    return flags;
}

#define JOINED(a, b) a##b
#define NAMED(kernel, set) JOINED(kernel, set)

// By level. The matrix unit is driven beside the last of them. The first, SEMSYNTH_BASE, is for every processor.
const Kernels* const SETS[] = {&SEMSYNTH_BASE,
#if defined(SEMSYNTH_X86)
                               &avx2, &avx512,
#if defined(SEMSYNTH_AVX512_BF16)
                               &avx512_bf16
#endif
#endif
};
#if defined(__wasm__)
#define TRAINING(set) nullptr
#else
#define TRAINING(set) NAMED(training_, set)
#endif
struct Products {  // in float32
    ConvolveStrip* convolve;
    MultiplyWindows* windows;
    const Training* training;  // by the size of the kernel, 3 and 4
};
const Products PRODUCTS[] = {
    {NAMED(convolve_, SEMSYNTH_BASE), NAMED(windows_, SEMSYNTH_BASE), TRAINING(SEMSYNTH_BASE)},
#if defined(SEMSYNTH_X86)
    {convolve_avx2, windows_avx2, TRAINING(avx2)}, {convolve_avx512, windows_avx512, TRAINING(avx512)}
#endif
};
constexpr int LAST_PRODUCTS = int(sizeof(PRODUCTS) / sizeof(*PRODUCTS)) - 1;
constexpr int LAST_SET = int(sizeof(SETS) / sizeof(*SETS)) - 1;

int level = level_of(features());
const Kernels* kernels = SETS[std::min(level, LAST_SET)];

const Products& float_products() { return PRODUCTS[std::min(level, LAST_PRODUCTS)]; }

// A second OpenMP runtime beside the one PyTorch has loaded would fight it for the cores: its threads spin
// after each parallel region. So this library links none, and borrows PyTorch's by a function pointer.
using Fork = void (*)(void (*)(void*), void*, unsigned threads, unsigned flags);
Fork fork_threads = nullptr;
int thread_count = 1;

template <class Body>
struct Work {
    const Body& body;
    int64_t count;
    std::atomic<int64_t> next{0};
    static void run(void* self) {
        auto& work = *static_cast<Work*>(self);
        for (int64_t i; (i = work.next.fetch_add(1, std::memory_order_relaxed)) < work.count;) work.body(i);
    }
};

// body(i) for all i below count, in any order, on any of at most so many threads.
template <class Body>
void parallel(int64_t count, const Body& body, int64_t most = thread_count) {
    Work<Body> work{body, count};
    const int threads = int(std::min(most, count));
    if (threads <= 1) return Work<Body>::run(&work);
    if (fork_threads) return fork_threads(Work<Body>::run, &work, unsigned(threads), 0);
#if defined(__wasm__)  // which has no threads but those that are borrowed
    Work<Body>::run(&work);
#else
    std::vector<std::thread> helpers;
    for (int t = 1; t < threads; t++) helpers.emplace_back(Work<Body>::run, &work);
    Work<Body>::run(&work);
    for (auto& helper : helpers) helper.join();
#endif
}

// The same for ranges of `step`.
template <class Body>
void parallel_ranges(int64_t count, int64_t step, const Body& body) {
    step = std::max<int64_t>(step, 1);
    parallel((count + step - 1) / step, [&](int64_t i) { body(i * step, std::min(count, (i + 1) * step)); });
}

constexpr int64_t MOMENT_ROWS = 512;    // summed in float32, then joined in float64
constexpr int64_t TASK_VALUES = 16384;  // about what a task should touch

int64_t per_task(int64_t width) { return std::max<int64_t>(1, TASK_VALUES / std::max<int64_t>(width, 1)); }

// The scratch memory of a thread, and which strip's inputs it holds.
struct Room {
    std::unique_ptr<float[]> memory;
    int64_t floats = 0, call = 0, strip = 0;

    float* of(int64_t wanted) {
        if (wanted > floats) memory.reset(), memory.reset(new float[wanted]), floats = wanted;
        return memory.get();
    }
};
thread_local Room room;
std::atomic<int64_t> convolutions{0};

// A box in strips of about `strip` tiles, as equal as can be.
void cut(const Convolution& c, const int32_t* box, std::vector<Strip>& strips) {
    const int64_t tile = c.tile, before = c.offset, past = before + tile - 1;
    const int64_t top = (box[0] + before) / tile, left = (box[1] + before) / tile;
    const int64_t rows = (box[2] + past) / tile - top, columns = (box[3] + past) / tile - left;
    const int64_t wide = std::max<int64_t>(1, std::min<int64_t>(columns, c.strip >= 32 ? 8 : 4));
    const int64_t high = std::max<int64_t>(1, std::min(rows, c.strip / wide));
    const int64_t down = (rows + high - 1) / high, across = (columns + wide - 1) / wide;
    for (int64_t i = 0; i < down; i++)
        for (int64_t j = 0; j < across; j++) {
            const int64_t y = top + i * rows / down, x = left + j * columns / across;
            strips.push_back({y, x, top + (i + 1) * rows / down - y, left + (j + 1) * columns / across - x, box[0],
                              box[1], box[2], box[3]});
        }
}

constexpr int64_t WINDOWS = 96;  // that are multiplied together
constexpr int64_t STRIP_FLOATS = 1 << 18, LEAST_TILES = 30;  // of the inputs of a batch's tiles, transformed
constexpr int64_t TOGETHER = 32;  // outputs whose weight gradient is summed together, of few tiles
constexpr int64_t FEW_PRODUCTS = 20'000'000;  // half a millisecond: not worth waking threads for

}  // namespace
}  // namespace semsynth

using namespace semsynth;

#pragma GCC visibility push(default)
extern "C" {

int semsynth_interface() { return INTERFACE; }

const char* semsynth_kernels() { return kernels->name; }

// The level of a processor with these features, see levels.h; for tests.
int semsynth_level_of(uint32_t features) { return level_of(features); }

// Compute as a processor of this level would; one that lacks it computes at its own. Returns the level taken.
int semsynth_use_level(int wanted) {
    level = std::max(0, std::min(wanted, level_of(features())));
    kernels = SETS[std::min(level, LAST_SET)];
    return level;
}

// The sizes of the structs, in the order of MIRRORED in ops/structs.py.
void semsynth_sizes(int64_t* sizes) {
    const int64_t all[] = {sizeof(Modulation), sizeof(Lookup),          sizeof(Groups), sizeof(Affine),
                           sizeof(Product),    sizeof(AmxModulation), sizeof(Chain),  sizeof(Source),
                           sizeof(Convolution), sizeof(WindowProduct), sizeof(BatchConvolution), sizeof(WeightGradient)};
    std::memcpy(sizes, all, sizeof(all));
}

void semsynth_threads(void* fork, int threads) {
    fork_threads = reinterpret_cast<Fork>(fork);
    thread_count = threads;
}

int64_t semsynth_number_windows(const int32_t* ids, int64_t batch, int64_t height, int64_t width, int64_t side,
                                int32_t* numbers, int32_t* windows) {
    return number_windows(ids, batch, height, width, side, numbers, windows);
}

void semsynth_group(const int32_t* numbers, int64_t count, int64_t groups, int32_t* start, int32_t* order) {
    group(numbers, count, groups, start, order);
}

// Mean and biased variance per channel: of every sample where per_sample is set, else of the whole batch.
void semsynth_moments(const void* x, int32_t half, int64_t samples, int64_t rows, int64_t channels, float* mean,
                      float* variance) {
    const int64_t chunks = (rows + MOMENT_ROWS - 1) / MOMENT_ROWS, value = half ? 2 : 4;
    std::vector<float> sums(samples * chunks * 2 * channels), shift(samples * channels);
    const char* bytes = static_cast<const char*>(x);
    for (int64_t s = 0; s < samples; s++) {  // centred on a value of each channel, or the squares cancel
        for (int64_t c = 0; c < channels; c++) {
            const char* at = bytes + (s * rows * channels + c) * value;
            uint32_t bits = 0;
            std::memcpy(half ? reinterpret_cast<char*>(&bits) + 2 : reinterpret_cast<char*>(&bits), at, value);
            std::memcpy(&shift[s * channels + c], &bits, 4);
        }
    }
    parallel(samples * chunks, [&](int64_t task) {
        const int64_t s = task / chunks, begin = task % chunks * MOMENT_ROWS;
        kernels->moments(bytes + (s * rows + begin) * channels * value, &shift[s * channels], half,
                         std::min(MOMENT_ROWS, rows - begin), channels, &sums[task * 2 * channels]);
    });
    for (int64_t s = 0; s < samples; s++) {
        for (int64_t c = 0; c < channels; c++) {
            double sum = 0, squares = 0;
            for (int64_t chunk = 0; chunk < chunks; chunk++) {
                const float* part = &sums[(s * chunks + chunk) * 2 * channels];
                sum += part[c], squares += part[channels + c];
            }
            const double offset = sum / rows;
            mean[s * channels + c] = float(shift[s * channels + c] + offset);
            variance[s * channels + c] = float(std::max(0.0, squares / rows - offset * offset));
        }
    }
}

void semsynth_modulate(const Modulation* m) {
    parallel_ranges(m->batch * m->height, per_task(m->width * m->channels),
                    [&](int64_t begin, int64_t end) { kernels->modulate(*m, begin, end); });
}

void semsynth_modulate_backward(const Modulation* m) {
    parallel(m->chunks, [&](int64_t chunk) { kernels->modulate_backward(*m, chunk); });
    kernels->join_chunks(*m);
}

void semsynth_normalize_backward(const Modulation* m) {
    parallel_ranges(m->batch * (m->height >> m->upsample), per_task(m->width * m->channels),
                    [&](int64_t begin, int64_t end) { kernels->normalize_backward(*m, begin, end); });
}

void semsynth_lookup(const Lookup* l) {
    parallel_ranges(l->count, per_task(l->width * l->taps),
                    [&](int64_t begin, int64_t end) { kernels->lookup(*l, begin, end); });
}

void semsynth_lookup_backward(const Lookup* l) {
    parallel(l->taps, [&](int64_t tap) { kernels->lookup_backward(*l, tap); });
}

void semsynth_sum_groups(const Groups* g) {
    parallel_ranges(g->count, per_task(g->width * 16),
                    [&](int64_t begin, int64_t end) { kernels->sum_groups(*g, begin, end); });
}

void semsynth_convolve(const Convolution* c) {
    thread_local std::vector<Strip> strips;
    strips.clear();
    int64_t tiles = 0;
    for (int64_t box = 0; box < c->num_boxes; box++) cut(*c, c->boxes + 4 * box, strips);
    for (const Strip& strip : strips) tiles += strip.rows * strip.columns;
    const int64_t positions = (c->tile + 2) * (c->tile + 2), count = int64_t(strips.size());
    const bool alone = tiles * positions * c->source.channels * c->out_channels < FEW_PRODUCTS;
    // Where there are too few strips for the threads, several share one, and each transforms its inputs.
    const int64_t threads = alone ? 1 : thread_count;
    const int64_t wanted = threads == 1 || count == 0 ? 1 : std::max<int64_t>(1, 4 * threads / count);
    const int64_t parts = std::min(c->groups, wanted);
    const int64_t call = ++convolutions;
    const Strip* all = strips.data();
    const auto body = [&](int64_t task) {
        const int64_t strip = task / parts, part = task % parts;
        const bool transformed = room.call == call && room.strip == strip;
        float* scratch = room.of(Scratch(*c, all[strip].rows * all[strip].columns).end);
        room.call = call, room.strip = strip;
        const int64_t first = part * c->groups / parts, last = (part + 1) * c->groups / parts;
        float_products().convolve(*c, all[strip], first, last, scratch, transformed);
    };
    parallel(count * parts, body, threads);
}

void semsynth_multiply_windows(const WindowProduct* w) {
    const int64_t multiplied = w->num_rows ? w->num_rows : w->count, strip = w->num_rows ? w->count : WINDOWS;
    const int64_t strips = (w->count + strip - 1) / strip;
    const int64_t threads = multiplied * w->taps * w->depth * w->outputs < FEW_PRODUCTS ? 1 : thread_count;
    const int64_t parts = w->num_rows ? w->groups : strips >= threads ? 1 : std::min(w->groups, threads);
    parallel(strips * parts, [&](int64_t task) {
        const int64_t begin = task / parts * strip, end = std::min(w->count, begin + strip), part = task % parts;
        const int64_t beside = w->num_rows ? w->num_rows * w->group * w->taps : strip * (w->taps * w->depth + w->group);
        float* scratch = room.of(beside);
        room.call = 0;
        float_products().windows(*w, begin, end, part * w->groups / parts, (part + 1) * w->groups / parts, scratch);
    }, threads);
}

// Where the tiles are few, their inputs are transformed once and the weight group by group, so that neither leaves the
// cache; else the weight once and the inputs strip by strip.
void semsynth_convolve_batch(const BatchConvolution* c) {
    const Training& training = float_products().training[c->batch.kernel - 3];
    const int64_t tiles = tile_count(c->batch), groups = c->batch.outputs / c->group, panels = c->group / PANEL;
    const auto weigh = [&](int64_t group, float* to) {
        for (int64_t panel = group * panels; panel < (group + 1) * panels; panel++)
            training.transform_weight(*c, panel, to);
    };
    if (c->points) {
        parallel_ranges(tiles, 4, [&](int64_t begin, int64_t end) {
            training.transform_inputs(*c, {begin, end, 0, tiles}, c->points);
        });
        return parallel(groups, [&](int64_t group) {
            room.call = 0;
            float* weight = room.of(weight_floats(*c) + product_floats(*c, tiles));
            weigh(group, weight);
            training.multiply(*c, group, {0, tiles, 0, tiles}, c->points, weight, weight + weight_floats(*c));
        });
    }
    parallel(groups, [&](int64_t group) { weigh(group, c->transformed + group * weight_floats(*c)); });
    const int64_t fits = STRIP_FLOATS / (POSITIONS * c->batch.inputs), shared = tiles / (2 * thread_count);
    parallel_ranges(tiles, std::max<int64_t>(6, std::min(shared, std::max<int64_t>(fits, LEAST_TILES))),
                    [&](int64_t begin, int64_t end) {
                        const Tiles strip{begin, end, begin, end - begin};
                        room.call = 0;
                        float* points = room.of(input_floats(*c, strip.count) + product_floats(*c, strip.count));
                        float* products = points + input_floats(*c, strip.count);
                        training.transform_inputs(*c, strip, points);
                        for (int64_t group = 0; group < groups; group++)
                            training.multiply(*c, group, strip, points, c->transformed + group * weight_floats(*c),
                                              products);
                    });
}

// Likewise: few tiles are multiplied for some of the outputs at a time.
void semsynth_weight_gradient(const WeightGradient* w) {
    const Training& training = float_products().training[w->batch.kernel - 3];
    const int64_t tiles = tile_count(w->batch), inputs = w->batch.inputs, outputs = w->batch.outputs;
    const int64_t step = inputs * outputs;
    for (int64_t first = 0; first < tiles; first += w->chunk) {
        const int64_t count = std::min(w->chunk, tiles - first);
        parallel_ranges(count, 8, [&](int64_t begin, int64_t end) {
            training.transform_tiles(*w, {first + begin, first + end, first, count});
        });
        if (w->sums)
            parallel(POSITIONS, [&](int64_t p) {
                training.multiply_points(*w, p, count, 0, outputs, w->sums + p * step, outputs, first > 0);
            });
    }
    const auto finish = [&](int64_t panel, const float* sums, int64_t width) {
        for (int64_t i = 0; i < inputs / PANEL; i++) training.finish(*w, panel, i, sums, width);
    };
    if (w->sums)
        return parallel(outputs / PANEL, [&](int64_t panel) { finish(panel, w->sums + panel * PANEL, outputs); });
    parallel_ranges(outputs, TOGETHER, [&](int64_t begin, int64_t end) {
        const int64_t width = end - begin;
        room.call = 0;
        float* sums = room.of(POSITIONS * inputs * width);
        for (int64_t p = 0; p < POSITIONS; p++)
            training.multiply_points(*w, p, tiles, begin, end, sums + p * inputs * width, width, false);
        for (int64_t o = 0; o < width; o += PANEL) finish((begin + o) / PANEL, sums + o, width);
    });
}

#if defined(SEMSYNTH_MATRIX_UNIT)

#if defined(SEMSYNTH_EMULATED)
int semsynth_matrix_unit() { return 1; }
#else
int semsynth_matrix_unit() { return level == AMX; }
#endif

void semsynth_product(const Product* p) {
    const int64_t tasks = product_tasks(*p, thread_count);
    parallel(tasks, [&](int64_t task) { product(*p, task, tasks); });
}

void semsynth_chain(const Chain* c) {
    const int64_t bands = chain_bands(*c);
    if (bands >= thread_count) return parallel(bands, [&](int64_t band) { chain(*c, band); });
    const AmxModulation& m = *c->modulation;
    parallel_ranges(m.num_rows, 1, [&](int64_t begin, int64_t end) { modulate_planes(m, begin, end); });
    for (int64_t i = 0; i < c->count; i++) semsynth_product(c->products[i]);
}

#else

int semsynth_matrix_unit() { return 0; }

#endif

}  // extern "C"
