#include "cpu/convolution/convolution.h"

#include "cpu/convolution/direct.h"
#include "cpu/isa/bfloat16_spectral_kernels.h"
#include "cpu/layers/layers.h"
#include "cpu/spectral/spectral_convolution.h"

namespace dnd::cpu {
namespace {

/// The direct algorithm reads a plain plane and stores a plain result: its input is normalised before it, and the
/// epilogue follows it, over the whole tensor each; only an addend is added where a result is stored.
void run_direct(ThreadPool& pool, const Control& control, const DndConvolution& convolution,
                const ConvolutionChoice& choice, const DndConvolutionOperands& operands) {
  const Geometry& g = choice.geometry;
  float* workspace = static_cast<float*>(operands.workspace);
  const float* x = operands.x;
  if (convolution.normalised != 0) {
    normalise(pool, control, x, operands.mean_rstd, convolution.batch * convolution.tokens,
              convolution.height * convolution.width, operands.norm_weight, operands.norm_bias, workspace);
    x = workspace;
  }
  const float* addend = convolution.epilogue == kDndAdd ? operands.addend : nullptr;
  convolve_direct(pool, control, kernels(), choice.direct, x, {operands.weight, operands.weight_type}, addend, operands.y,
                  workspace + choice.normalised_floats);
  switch (convolution.epilogue) {
    case kDndStore:
    case kDndAdd: break;
    case kDndMergePaths:
      merge_paths(pool, control, operands.addend, operands.bias, convolution.batch * convolution.tokens,
                  convolution.height * convolution.out_channels, operands.y);
      break;
    case kDndTokenBias:
      add_token_bias(pool, control, operands.bias, operands.addend, g.batch * g.out_channels, g.rows * g.columns,
                     g.out_channels, operands.y);
      break;
  }
}

}  // namespace

int64_t convolution_workspace(ConvolutionChoices& choices, const DndConvolution& convolution, int64_t* sufficient) {
  return choices.workspace(convolution, sufficient);
}

void convolution(ThreadPool& pool, const Control& control, ConvolutionChoices& choices,
                 const DndConvolution& convolution, const DndConvolutionOperands& operands) {
  const std::shared_ptr<const ConvolutionChoice> chosen = choices.within_limit(convolution);
  const ConvolutionChoice& choice = *chosen;
  if (choice.algorithm == Algorithm::kDirect) {
    run_direct(pool, control, convolution, choice, operands);
  } else {
    const WeightOrder order = convolution.transposed_weight != 0 ? WeightOrder::kTransposed : WeightOrder::kPlain;
    convolve_spectral(pool, control, spectral_kernels(kernels().name), choice.geometry, order, convolution.epilogue,
                      choice.spectral, choice.layout, operands, find_bfloat16_spectral_kernels(kernels()));
  }
}

}  // namespace dnd::cpu
