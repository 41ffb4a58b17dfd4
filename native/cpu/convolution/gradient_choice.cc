#include "cpu/convolution/gradient_choice.h"

#include "cpu/isa/kernels.h"

namespace dnd::cpu {

WeightGradientChoice choose_weight_gradient(const DndConvolution& given, int threads) {
  constexpr int64_t kFloat = sizeof(float);
  DndConvolution convolution = given;
  convolution.epilogue = kDndStore;
  convolution.transposed_weight = 0;
  WeightGradientChoice choice{};
  choice.geometry = convolution_geometry(convolution);
  choice.algorithm = Algorithm::kDirect;
  choice.direct = plan_direct_gradient(choice.geometry, convolution.normalised != 0, kernels(), threads,
                                       convolution.workspace_limit / kFloat);
  choice.workspace_bytes = choice.direct.workspace_floats(threads) * kFloat;
  return choice;
}

}  // namespace dnd::cpu
