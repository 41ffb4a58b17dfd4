#pragma once

#include <cstdint>

#include "core/integers.h"

namespace dnd {

/// Whole numbers from `begin` up to, but not including, `end`.
struct Range {
  int64_t begin, end;
  int64_t size() const { return end - begin; }
};

/// Part `index` of `parts` of [0, size), as part_begin cuts it.
inline Range part(int64_t size, int64_t parts, int64_t index) {
  return {part_begin(size, parts, index), part_begin(size, parts, index + 1)};
}

}  // namespace dnd
