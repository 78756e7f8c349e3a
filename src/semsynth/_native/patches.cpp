#include "patches.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace semsynth {
namespace {

// Open addressing; a slot holds a window's number, and windows are compared in full: no hash is trusted.
// The number of taps is a constant, so that copying and comparing take a few instructions.
template <int64_t TAPS>
class WindowTable {
  public:
    explicit WindowTable(int32_t* windows) : windows_(windows), slots_(1 << 14, -1) {
        uint64_t state = 0x9E3779B97F4A7C15ULL;
        for (uint64_t& factor : factors_) factor = (state = mix(state + 0x9E3779B97F4A7C15ULL)) | 1;
    }

    static bool equal(const int32_t* a, const int32_t* b) { return !std::memcmp(a, b, TAPS * sizeof(int32_t)); }

    int32_t number(const int32_t* window) {
        uint64_t hash = 0;
        for (int64_t t = 0; t < TAPS; t++) hash += factors_[t] * uint32_t(window[t]);
        hash = mix(hash);
        uint64_t slot = hash & (slots_.size() - 1);
        for (; slots_[slot] >= 0; slot = (slot + 1) & (slots_.size() - 1)) {
            const int32_t known = slots_[slot];
            if (hashes_[known] == hash && equal(windows_ + known * TAPS, window)) return known;
        }
        const int32_t fresh = int32_t(hashes_.size());
        std::memcpy(windows_ + fresh * TAPS, window, TAPS * sizeof(int32_t));
        hashes_.push_back(hash);
        slots_[slot] = fresh;
        if (hashes_.size() * 2 > slots_.size()) grow();
        return fresh;
    }

    int64_t size() const { return int64_t(hashes_.size()); }

  private:
    static uint64_t mix(uint64_t hash) {
        hash = (hash ^ (hash >> 32)) * 0xD6E8FEB86659FD93ULL;
        return hash ^ (hash >> 32);
    }

    void grow() {
        slots_.assign(slots_.size() * 4, -1);
        for (size_t n = 0; n < hashes_.size(); n++) {
            uint64_t slot = hashes_[n] & (slots_.size() - 1);
            while (slots_[slot] >= 0) slot = (slot + 1) & (slots_.size() - 1);
            slots_[slot] = int32_t(n);
        }
    }

    uint64_t factors_[TAPS];
    int32_t* windows_;
    std::vector<int32_t> slots_;
    std::vector<uint64_t> hashes_;
};

template <int64_t SIDE>
int64_t number_windows_of(const int32_t* ids, int64_t batch, int64_t height, int64_t width, int32_t* numbers,
                          int32_t* windows) {
    constexpr int64_t RIM = SIDE / 2, TAPS = SIDE * SIDE;
    const int64_t padded = width + 2 * RIM;
    WindowTable<TAPS> table(windows);
    std::vector<int32_t> rows(SIDE * padded, 0);
    int32_t window[TAPS], before[TAPS];
    for (int64_t row = 0; row < batch * height; row++) {
        const int64_t b = row / height, i = row % height;
        for (int64_t k = 0; k < SIDE; k++) {  // what the windows of this row see
            const int64_t from = i + k - RIM;
            int32_t* to = &rows[k * padded + RIM];
            if (from < 0 || from >= height) std::fill(to, to + width, 0);
            else std::memcpy(to, ids + (b * height + from) * width, width * sizeof(int32_t));
        }
        int32_t last = -1;
        for (int64_t j = 0; j < width; j++) {
            for (int64_t k = 0; k < SIDE; k++)
                std::memcpy(window + k * SIDE, &rows[k * padded + j], SIDE * sizeof(int32_t));
            if (last < 0 || !table.equal(window, before)) {
                last = table.number(window);
                std::memcpy(before, window, sizeof window);
            }
            *numbers++ = last;
        }
    }
    return table.size();
}

}  // namespace

int64_t number_windows(const int32_t* ids, int64_t batch, int64_t height, int64_t width, int64_t side,
                       int32_t* numbers, int32_t* windows) {
    switch (side) {
        case 1: return number_windows_of<1>(ids, batch, height, width, numbers, windows);
        case 3: return number_windows_of<3>(ids, batch, height, width, numbers, windows);
        case 5: return number_windows_of<5>(ids, batch, height, width, numbers, windows);
        case 7: return number_windows_of<7>(ids, batch, height, width, numbers, windows);
        default: return -1;
    }
}

void group(const int32_t* numbers, int64_t count, int64_t groups, int32_t* start, int32_t* order) {
    std::fill(start, start + groups + 1, 0);
    for (int64_t i = 0; i < count; i++) start[numbers[i] + 1]++;
    for (int64_t g = 0; g < groups; g++) start[g + 1] += start[g];
    std::vector<int32_t> next(start, start + groups);
    for (int64_t i = 0; i < count; i++) order[next[numbers[i]]++] = int32_t(i);
}

}  // namespace semsynth
