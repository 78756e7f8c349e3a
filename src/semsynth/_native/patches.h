// Numbering the distinct square windows of an id map, and grouping pixels by number.
#pragma once

#include <cstdint>

namespace semsynth {

// Number the windows of side `side` of `ids` (batch, height, width), where positions outside count as 0.
// Numbers go by first appearance. `windows` has room for one window per pixel. Returns how many there are, or -1
// where the side is not 1, 3, 5 or 7.
int64_t number_windows(const int32_t* ids, int64_t batch, int64_t height, int64_t width, int64_t side,
                       int32_t* numbers, int32_t* windows);

// A stable counting sort: order[start[g] .. start[g + 1]] are the positions that hold number g.
void group(const int32_t* numbers, int64_t count, int64_t groups, int32_t* start, int32_t* order);

}  // namespace semsynth
