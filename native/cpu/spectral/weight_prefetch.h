#pragma once

#include <cstdint>

namespace dnd::cpu {

/// Asks memory for the weights that the next block of input channels will need, a few cache lines at a time, while the
/// products of the present block go on. Read on the spot, each vector of output channels is that many streams far apart,
/// which memory serves at less than half its speed; asked for here, one output channel comes after the other.
class WeightPrefetch {
 public:
  /// `outs` pieces of `floats` floats, `stride` apart, in about `steps` steps.
  WeightPrefetch(const float* weight, int64_t outs, int64_t stride, int64_t floats, int64_t steps)
      : row_(weight), rows_(floats > 0 ? outs : 0), stride_(stride), floats_(floats) {
    lines_per_step_ = outs * ((floats + kLine - 1) / kLine) / steps + 1;
  }

  void step() {
    for (int64_t i = 0; i < lines_per_step_ && rows_ > 0; ++i) {
      __builtin_prefetch(row_ + at_, 0, 0);
      at_ += kLine;
      if (at_ >= floats_) {
        at_ = 0;
        row_ += stride_;
        --rows_;
      }
    }
  }

 private:
  static constexpr int64_t kLine = 16;

  const float* row_;
  int64_t rows_, stride_, floats_;
  int64_t at_ = 0;
  int64_t lines_per_step_;
};

}  // namespace dnd::cpu
