#include "cpu/convolution/gradient_choice.h"

#include "cpu/isa/kernels.h"
#include "cpu/isa/spectral_kernels.h"

namespace dnd::cpu {

WeightGradientChoice choose_weight_gradient(const DndConvolution& given, int threads) {
  constexpr int64_t kFloat = sizeof(float);
  DndConvolution convolution = given;
  convolution.epilogue = kDndStore;
  convolution.transposed_weight = 0;
  WeightGradientChoice choice{};
  choice.geometry = convolution_geometry(convolution);
  const WeightGradientPlan plan = plan_weight_gradient(
      shape_of(choice.geometry), {kernels().name, convolution.algorithm, convolution.workspace_limit});
  choice.algorithm = plan.algorithm;
  if (plan.algorithm == Algorithm::kDirect) {
    choice.direct = plan_direct_gradient(choice.geometry, convolution.normalised != 0, kernels(), threads,
                                         convolution.workspace_limit / kFloat);
    choice.workspace_bytes = choice.direct.workspace_floats(threads) * kFloat;
    return choice;
  }
  choice.spectral = plan.spectral;
  choice.layout = gradient_layout(plan.spectral, plan.shape, spectral_kernels(kernels().name), threads);
  choice.workspace_bytes = choice.layout.workspace_floats(threads) * kFloat;
  return choice;
}

}  // namespace dnd::cpu
