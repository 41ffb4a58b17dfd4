#pragma once

#include <cstdint>

namespace dnd {

/// Floating-point types of stored weights, little-endian.
enum class FloatType { kF32, kF16, kBF16, kF64 };

int64_t bytes_of(FloatType type);

/// Converts `count` values at `source` (any alignment) to float32; F64 rounds to nearest even, the others are exact.
/// Returns the index of the first result that is NaN or infinite, or −1; all values are converted in either case.
int64_t convert_to_float32(FloatType type, const void* source, int64_t count, float* destination);

/// Index of the first of `count` values that is NaN or infinite, or −1. Any type but F64; aligned as it.
int64_t first_non_finite(FloatType type, const void* values, int64_t count);

}  // namespace dnd
