// What a processor can do, as bits, and the level that makes. See semsynth/ops/processor.py, which names the levels.
#pragma once

#include <cstdint>

namespace semsynth {

enum Level : int { PORTABLE, AVX2, AVX512, AVX512_BF16, AMX };

constexpr uint32_t HAS_AVX2 = 1, HAS_FMA = 2, HAS_AVX512F = 4, HAS_AVX512BW = 8, HAS_AVX512VL = 16,
                   HAS_AVX512DQ = 32, HAS_AVX512_BF16 = 64, HAS_AMX = 128;

// The instructions that each level adds; a level needs those of the levels below it too.
constexpr uint32_t NEEDED[] = {0, HAS_AVX2 | HAS_FMA, HAS_AVX512F | HAS_AVX512BW | HAS_AVX512VL | HAS_AVX512DQ,
                               HAS_AVX512_BF16, HAS_AMX};

constexpr int level_of(uint32_t features) {
    int level = PORTABLE;
    while (level < AMX && (features & NEEDED[level + 1]) == NEEDED[level + 1]) level++;
    return level;
}

}  // namespace semsynth
