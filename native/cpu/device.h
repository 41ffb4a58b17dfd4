#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "backend.h"
#include "core/thread_pool.h"
#include "cpu/convolution/choice.h"
#include "cpu/convolution/gradient_choice.h"
#include "cpu/resident_weights.h"

namespace dnd::cpu {

/// The state behind an open CPU device.
struct Device {
  Device(int threads, DndPrecision precision)
      : pool(threads),
        choices(pool.threads(), precision == kDndBfloat16),
        gradient_choices(pool.threads()),
        keeps_bfloat16(precision == kDndBfloat16) {}

  ThreadPool pool;
  ConvolutionChoices choices;
  WeightGradientChoices gradient_choices;
  const bool keeps_bfloat16;  ///< of weights of linear layers that are uploaded
  ResidentWeights weights;    ///< empty unless keeps_bfloat16
  std::atomic<int64_t> allocated_bytes{0};
};

}  // namespace dnd::cpu
