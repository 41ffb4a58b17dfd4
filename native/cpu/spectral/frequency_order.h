#pragma once

#include "cpu/isa/spectral_kernels.h"

namespace dnd::cpu {

/// The order in which the weight transforms produce frequencies (SpectralKernels::columns): step after step, each with
/// f, −f, points/2 − f and points/2 + f as far as these differ.
FrequencyOrder frequency_order(int64_t halved_points, int64_t full_points);

/// Points of steps [begin, end) of a column.
int64_t points_of_steps(int64_t full_points, bool symmetric, int64_t begin, int64_t end);

}  // namespace dnd::cpu
