#include "cpu/convolution/choice.h"

#include "core/integers.h"
#include "cpu/isa/bfloat16_kernels.h"
#include "cpu/isa/kernels.h"
#include "plan/rates.h"

namespace dnd::cpu {
namespace {

constexpr int64_t kFloat = sizeof(float);

void take_direct(ConvolutionChoice& choice, const DndConvolution& convolution, int threads) {
  const Geometry& g = choice.geometry;
  choice.algorithm = Algorithm::kDirect;
  choice.normalised_floats = convolution.normalised == 0 ? 0 : round_up(g.batch * g.x.batch, 16);
  const int64_t limit = convolution.workspace_limit / kFloat - choice.normalised_floats;
  choice.direct = plan_direct(g, kernels(), threads, limit);
  choice.direct.transposed_weight = convolution.transposed_weight != 0;
  choice.workspace_bytes = (choice.normalised_floats + choice.direct.workspace_floats(threads)) * kFloat;
}

ConvolutionChoice choose(const DndConvolution& convolution, int threads, const char* instruction_set) {
  ConvolutionChoice choice{};
  choice.geometry = convolution_geometry(convolution);
  const ConvolutionPlan plan =
      plan_convolution(shape_of(choice.geometry), {instruction_set, convolution.algorithm, convolution.workspace_limit});
  choice.algorithm = plan.algorithm;
  if (plan.algorithm == Algorithm::kDirect) {
    take_direct(choice, convolution, threads);
    return choice;
  }
  choice.spectral = plan.spectral;
  choice.layout = spectral_layout(plan.spectral, plan.shape, rates_of(instruction_set), threads);
  choice.workspace_bytes = choice.layout.workspace_floats(threads) * kFloat;
  return choice;
}

}  // namespace

ConvolutionChoice choose_convolution(const DndConvolution& convolution, int threads) {
  return choose(convolution, threads, kernels().name);
}

ConvolutionChoice choose_bfloat16_convolution(const DndConvolution& convolution, int threads) {
  return choose(convolution, threads, bfloat16_kernels().name);
}

}  // namespace dnd::cpu
