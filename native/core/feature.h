#pragma once

#include <cstdint>

namespace dnd {

/// Sizes of the data between two hyper-convolution layers: tokens N, height H, width W.
struct Feature {
  int64_t tokens, height, width;
  bool operator==(const Feature&) const = default;
  int64_t elements() const { return tokens * height * width; }
};

}  // namespace dnd
