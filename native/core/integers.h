#pragma once

#include <cstdint>

namespace dnd {

/// ⌈value / divisor⌉ for value ≥ 0, divisor > 0.
constexpr int64_t divide_up(int64_t value, int64_t divisor) { return (value + divisor - 1) / divisor; }

constexpr int64_t round_up(int64_t value, int64_t multiple) { return divide_up(value, multiple) * multiple; }

/// Where part `index` of `parts` begins when [0, size) is cut into parts whose sizes differ by one at most.
constexpr int64_t part_begin(int64_t size, int64_t parts, int64_t index) {
  return size / parts * index + (index < size % parts ? index : size % parts);
}

}  // namespace dnd
