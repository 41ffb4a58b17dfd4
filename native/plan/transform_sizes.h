#pragma once

#include <cstdint>

namespace dnd {

/// Points of a tile's axis that transforms are written for: even, and products of small primes.
#define DND_TRANSFORM_SIZES(SIZE)                                                                                  \
  SIZE(8) SIZE(10) SIZE(12) SIZE(14) SIZE(16) SIZE(18) SIZE(20) SIZE(22) SIZE(24) SIZE(28) SIZE(30) SIZE(32) \
  SIZE(36) SIZE(40) SIZE(42) SIZE(48) SIZE(54) SIZE(56) SIZE(60) SIZE(64)

#define DND_SIZE(size) size,
inline constexpr int64_t kTransformSizes[] = {DND_TRANSFORM_SIZES(DND_SIZE)};
#undef DND_SIZE

constexpr int64_t kLargestTransform = 64;

/// Taps along an axis that the weights' transforms are written for: odd, up to this.
constexpr int64_t kLargestSpectralKernel = 15;

}  // namespace dnd
