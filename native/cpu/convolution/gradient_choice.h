#pragma once

#include "cpu/convolution/choice_memory.h"
#include "cpu/convolution/direct_gradient_plan.h"
#include "cpu/spectral/gradient_layout.h"
#include "plan/geometry.h"
#include "plan/gradient_plan.h"

namespace dnd::cpu {

/// What the gradient of a convolution's weight will do with so many threads. The algorithm and everything that its
/// result depends on come from the plan alone, which knows nothing of threads.
struct WeightGradientChoice {
  Geometry geometry;
  Algorithm algorithm;
  SpectralGradientPlan spectral;
  GradientLayout layout;      ///< of the spectral algorithm
  DirectGradientPlan direct;  ///< of the direct one
  int64_t workspace_bytes;    ///< above the limit: nothing fits into it
};

/// Errors as of convolution_geometry and plan_weight_gradient. The convolution's epilogue and its order of weights do
/// not count.
WeightGradientChoice choose_weight_gradient(const DndConvolution& convolution, int threads);

class WeightGradientChoices : public ChoiceMemory<WeightGradientChoice> {
 public:
  explicit WeightGradientChoices(int threads) : ChoiceMemory(threads, "weight gradient", choose_weight_gradient) {}
};

}  // namespace dnd::cpu
