#pragma once

#include "cpu/convolution/choice_memory.h"
#include "cpu/convolution/direct_gradient_plan.h"
#include "plan/convolution_plan.h"
#include "plan/geometry.h"

namespace dnd::cpu {

/// What the gradient of a convolution's weight will do with so many threads.
struct WeightGradientChoice {
  Geometry geometry;
  Algorithm algorithm;
  DirectGradientPlan direct;
  int64_t workspace_bytes;  ///< above the limit: nothing fits into it
};

/// Errors as of convolution_geometry. The convolution's epilogue and its order of weights do not count.
WeightGradientChoice choose_weight_gradient(const DndConvolution& convolution, int threads);

class WeightGradientChoices : public ChoiceMemory<WeightGradientChoice> {
 public:
  explicit WeightGradientChoices(int threads) : ChoiceMemory(threads, "weight gradient", choose_weight_gradient) {}
};

}  // namespace dnd::cpu
