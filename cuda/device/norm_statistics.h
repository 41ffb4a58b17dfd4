#pragma once

#include <cmath>
#include <cstdint>

#include "toolkit/device_code.h"

namespace dnd::cuda {

/// What `norm_statistics` of native/backend.h returns for a row: the mean is `mean + residue`.
struct RowStatistics {
  float mean, residue, rstd;
};

/// 1 / √value. In doubles only what a reciprocal root in floats misses: devices for graphics have few units for
/// doubles.
__device__ __forceinline__ float inverse_root(double value) {
  const float rounded = static_cast<float>(value);
  if (!(rounded > 1e-30f && rounded < 1e30f)) return static_cast<float>(1.0 / sqrt(value));
  const double estimate = static_cast<double>(rsqrtf(rounded));
  return static_cast<float>(estimate * (1.5 - 0.5 * value * estimate * estimate));
}

/// Mean and rstd of `columns` values given Σ (x − origin) and Σ (x − origin)², the origin being one of them.
/// Its distance from the mean is at most √columns standard deviations, so that the variance loses no more than a factor
/// of `columns` of a double's accuracy.
__device__ __forceinline__ RowStatistics norm_statistics_of(float origin, double sum, double squares, int64_t columns,
                                                            float eps) {
  const double share = 1.0 / static_cast<double>(columns);
  const double beyond = sum * share;
  const double mean = static_cast<double>(origin) + beyond;
  const double variance = (squares - sum * beyond) * share;
  RowStatistics row;
  row.mean = static_cast<float>(mean);
  row.residue = static_cast<float>(mean - static_cast<double>(row.mean));
  row.rstd = inverse_root((variance < 0 ? 0 : variance) + static_cast<double>(eps));
  return row;
}

}  // namespace dnd::cuda
