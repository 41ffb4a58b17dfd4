#include "cpu/convolution/weight_gradient.h"

#include "cpu/convolution/direct_gradient.h"
#include "cpu/convolution/gradient_choice.h"
#include "cpu/isa/kernels.h"
#include "cpu/spectral/spectral_gradient.h"

namespace dnd::cpu {

int64_t weight_gradient_workspace(WeightGradientChoices& choices, const DndConvolution& convolution,
                                  int64_t* sufficient) {
  return choices.workspace(convolution, sufficient);
}

void weight_gradient(ThreadPool& pool, const Control& control, WeightGradientChoices& choices,
                     const DndConvolution& convolution, const DndWeightGradientOperands& operands) {
  const std::shared_ptr<const WeightGradientChoice> choice = choices.within_limit(convolution);
  if (choice->algorithm == Algorithm::kDirect) {
    direct_weight_gradient(pool, control, kernels(), choice->direct, operands);
  } else {
    spectral_weight_gradient(pool, control, spectral_kernels(kernels().name), choice->geometry, choice->spectral,
                             choice->layout, operands);
  }
}

}  // namespace dnd::cpu
