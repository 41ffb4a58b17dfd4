#pragma once

#include <vector>

#include "core/roots_of_unity.h"
#include "cpu/isa/spectral_kernels.h"

namespace dnd::cpu {

/// Cosines and sines of 2π·f·j/points for f = 0 … points/4, j = 1 … half, for the weights' transforms.
class TwiddleTable {
 public:
  TwiddleTable(int64_t points, int64_t half) : half_(half) {
    for (int64_t f = 0; 4 * f <= points; ++f) {
      for (int64_t j = 1; j <= half; ++j) {
        cosines_.push_back(static_cast<float>(cosine_of_turn(f * j, points)));
        sines_.push_back(static_cast<float>(sine_of_turn(f * j, points)));
      }
    }
  }

  TapTwiddles all() const { return at(0); }
  /// The rows from frequency f on.
  TapTwiddles at(int64_t f) const { return {cosines_.data() + f * half_, sines_.data() + f * half_}; }

 private:
  int64_t half_;
  std::vector<float> cosines_, sines_;
};

}  // namespace dnd::cpu
