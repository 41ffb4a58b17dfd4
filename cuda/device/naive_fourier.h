#pragma once

#include "toolkit/device_code.h"

namespace dnd::cuda {

struct Twiddle {
  double cosine, sine;
};

/// Of the sum of two fractions of a turn, for the naive reference kernels.
__device__ inline Twiddle naive_twiddle(int first, int first_whole, int second, int second_whole) {
  const double turns = static_cast<double>(first % first_whole) / first_whole +
                       static_cast<double>(second % second_whole) / second_whole;
  return {cosine_pi(2 * turns), sine_pi(2 * turns)};
}

}  // namespace dnd::cuda
