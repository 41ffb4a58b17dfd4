#include "cpu/convolution/choice.h"

#include <algorithm>

#include "core/integers.h"
#include "core/status.h"
#include "cpu/isa/kernels.h"

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

}  // namespace

ConvolutionChoice choose_convolution(const DndConvolution& convolution, int threads) {
  ConvolutionChoice choice{};
  choice.geometry = convolution_geometry(convolution);
  const ConvolutionPlan plan =
      plan_convolution(shape_of(choice.geometry), {kernels().name, convolution.algorithm, convolution.workspace_limit});
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

bool ConvolutionChoices::Before::operator()(const DndConvolution& a, const DndConvolution& b) const {
  return fields_of(a) < fields_of(b);
}

std::shared_ptr<const ConvolutionChoice> ConvolutionChoices::of(const DndConvolution& convolution) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = made_.find(convolution); found != made_.end()) return found->second;
  }
  auto choice = std::make_shared<const ConvolutionChoice>(choose_convolution(convolution, threads_));
  const std::lock_guard lock(mutex_);
  if (made_.size() >= kMost) made_.clear();
  return made_.emplace(convolution, std::move(choice)).first->second;
}

int64_t sufficient_workspace(DndConvolution convolution, int threads) {
  constexpr int64_t kStep = int64_t{1} << 20;
  for (;;) {
    // Limit after limit is tried: what a choice takes under one is no promise for another, which may change the plan.
    convolution.workspace_limit += std::max(kStep, convolution.workspace_limit / 8);
    try {
      if (choose_convolution(convolution, threads).workspace_bytes <= convolution.workspace_limit) {
        return convolution.workspace_limit;
      }
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kOutOfMemory) throw;
    }
  }
}

}  // namespace dnd::cpu
