#pragma once

#include <atomic>
#include <cstdint>

#include "core/thread_pool.h"
#include "cpu/convolution/choice.h"
#include "cpu/convolution/gradient_choice.h"

namespace dnd::cpu {

/// The state behind an open CPU device.
struct Device {
  explicit Device(int threads) : pool(threads), choices(pool.threads()), gradient_choices(pool.threads()) {}

  ThreadPool pool;
  ConvolutionChoices choices;
  WeightGradientChoices gradient_choices;
  std::atomic<int64_t> allocated_bytes{0};
};

}  // namespace dnd::cpu
