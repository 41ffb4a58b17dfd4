#pragma once

#include <cmath>

#include "core/roots_of_unity.h"
#include "cuda/device/code.h"

namespace dnd::cuda {

struct Turn {
  double cosine, sine;
};

/// Of the sum of two fractions of a turn, for the kernels that say what the fast ones compute.
__device__ inline Turn naive_turn(int first, int first_whole, int second, int second_whole) {
  const double turns = static_cast<double>(first % first_whole) / first_whole +
                       static_cast<double>(second % second_whole) / second_whole;
#ifdef DND_CUDA_EMULATED
  return {std::cos(2 * roots::kPi * turns), std::sin(2 * roots::kPi * turns)};
#else
  return {cospi(2 * turns), sinpi(2 * turns)};  // needs no stack, as a reduction by π would
#endif
}

}  // namespace dnd::cuda
