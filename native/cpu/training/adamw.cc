#include <cmath>
#include <string>

#include "core/status.h"
#include "cpu/isa/training_kernels.h"
#include "cpu/layers/parallel_elementwise.h"
#include "cpu/training/dynamic_map.h"
#include "cpu/training/operations.h"

namespace dnd::cpu {
namespace {

/// Computed in double, as PyTorch does, and rounded once.
AdamWFactors factors_of(const DndAdamW& options) {
  if (options.step < 1) {
    throw Error(ErrorCode::kInvalidArgument,
                "AdamW: the step is " + std::to_string(options.step) + "; steps are counted from 1");
  }
  const double step = static_cast<double>(options.step);
  return {
      .gradient_scale = static_cast<float>(options.gradient_scale),
      .keep = static_cast<float>(1 - options.learning_rate * options.weight_decay),
      .beta1_rest = static_cast<float>(1 - options.beta1),
      .beta2 = static_cast<float>(options.beta2),
      .beta2_rest = static_cast<float>(1 - options.beta2),
      .step_size = static_cast<float>(options.learning_rate / (1 - std::pow(options.beta1, step))),
      .root = static_cast<float>(std::sqrt(1 - std::pow(options.beta2, step))),
      .eps = static_cast<float>(options.eps),
      .rounding = static_cast<uint32_t>(options.step) * 0x9E3779B9u,
  };
}

}  // namespace

void adamw(ThreadPool& pool, const Control& control, const DndAdamW& options, const float* gradient, int64_t elements,
           float* parameter, float* first, float* second) {
  const AdamWFactors factors = factors_of(options);
  const TrainingKernels& isa = training_kernels();
  parallel_elementwise(pool, control, 1, elements, [&](int64_t, int64_t begin, int64_t count) {
    isa.adamw(factors, gradient + begin, count, parameter + begin, first + begin, second + begin);
  });
}

void adamw_quantised(ThreadPool& pool, const Control& control, const DndAdamW& options, const float* gradient,
                     int64_t elements, float* parameter, const DndQuantisedMoments& moments) {
  const AdamWFactors factors = factors_of(options);
  const TrainingKernels& isa = training_kernels();
  const DynamicMap &first_map = signed_dynamic_map(), &second_map = unsigned_dynamic_map();
  constexpr int64_t kBlocksPerTask = kElementsPerTask / kDndStateBlock;
  const int64_t blocks = divide_up(elements, kDndStateBlock);
  pool.parallel_for(divide_up(blocks, kBlocksPerTask), [&](int64_t task, int) {
    control.throw_if_cancelled();
    for (int64_t block = task * kBlocksPerTask; block < std::min(blocks, (task + 1) * kBlocksPerTask); ++block) {
      const int64_t begin = block * kDndStateBlock;
      isa.adamw_quantised(factors, first_map, second_map, gradient + begin, begin,
                          std::min(kDndStateBlock, elements - begin), parameter + begin,
                          {moments.first + begin, moments.second + begin, moments.first_largest + block,
                           moments.second_largest + block});
    }
  });
}

}  // namespace dnd::cpu
