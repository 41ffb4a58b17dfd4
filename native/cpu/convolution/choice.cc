#include "cpu/convolution/choice.h"

#include <algorithm>

#include "core/integers.h"
#include "core/status.h"
#include "cpu/isa/kernels.h"

namespace dnd::cpu {
namespace {

constexpr int64_t kFloat = sizeof(float);

AlgorithmChoice choice_of(DndAlgorithm algorithm) {
  switch (algorithm) {
    case kDndDirect: return AlgorithmChoice::kDirect;
    case kDndSpectral: return AlgorithmChoice::kSpectral;
    default: return AlgorithmChoice::kAuto;
  }
}

void take_direct(ConvolutionChoice& choice, const DndConvolution& convolution, int threads) {
  const Geometry& g = choice.geometry;
  choice.algorithm = Algorithm::kDirect;
  choice.normalised_floats = convolution.normalised == 0 ? 0 : round_up(g.batch * g.x.batch, 16);
  const int64_t limit = convolution.workspace_limit / kFloat - choice.normalised_floats;
  choice.direct = plan_direct(g, kernels(), threads, limit);
  choice.workspace_bytes = (choice.normalised_floats + choice.direct.workspace_floats(threads)) * kFloat;
}

}  // namespace

ConvolutionChoice choose_convolution(const DndConvolution& convolution, int threads) {
  ConvolutionChoice choice{};
  choice.geometry = convolution_geometry(convolution);
  const ConvolutionPlan plan = plan_convolution(
      shape_of(choice.geometry),
      {kernels().name, choice_of(convolution.algorithm), convolution.workspace_limit});
  choice.algorithm = plan.algorithm;
  if (plan.algorithm == Algorithm::kDirect) {
    take_direct(choice, convolution, threads);
    return choice;
  }
  choice.spectral = plan.spectral;
  choice.layout = spectral_layout(plan.spectral, plan.shape, spectral_kernels(kernels().name), threads);
  choice.workspace_bytes = choice.layout.workspace_floats(threads) * kFloat;
  return choice;
}

int64_t sufficient_workspace(DndConvolution convolution, int threads) {
  constexpr int64_t kFirstStep = int64_t{1} << 20;
  for (;;) {
    // What a choice takes under one limit is no promise for another: a larger limit may change the plan.
    int64_t next = convolution.workspace_limit + std::max(kFirstStep, convolution.workspace_limit / 16);
    try {
      const int64_t bytes = choose_convolution(convolution, threads).workspace_bytes;
      if (bytes <= convolution.workspace_limit) return convolution.workspace_limit;
      convolution.workspace_limit = bytes;
      if (choose_convolution(convolution, threads).workspace_bytes <= bytes) return bytes;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kOutOfMemory) throw;
    }
    convolution.workspace_limit = next;
  }
}

}  // namespace dnd::cpu
