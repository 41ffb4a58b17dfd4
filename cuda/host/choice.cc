#include "cuda/host/choice.h"

#include "core/status.h"

namespace dnd::cuda {
namespace {

/// One task with more memory than any needs: what a weight's form depends on.
DndConvolution one_task(DndConvolution convolution) {
  convolution.batch = 1;
  convolution.workspace_limit = INT64_MAX / 4;
  return convolution;
}

}  // namespace

TaskShape ConvolutionChoices::task_shape(const DndConvolution& convolution) {
  const Geometry g = convolution_geometry(convolution);
  return {g.channels, g.out_channels, g.rows, g.columns, g.kernel, convolution.algorithm};
}

CudaPlanOptions ConvolutionChoices::options(const DndConvolution& convolution, bool spectra_resident) const {
  return {.device_model = device_model_,
          .algorithm = convolution.algorithm,
          .precision = precision_,
          .workspace_bytes = convolution.workspace_limit,
          .spectra_resident = spectra_resident};
}

ConvolutionForm ConvolutionChoices::form(const DndConvolution& convolution) {
  const auto choice = of(one_task(convolution), false);
  const CudaConvolutionPlan& plan = choice->plan;
  return {plan.algorithm, plan.tiling, plan.shape, plan.cost.weights};
}

bool ConvolutionChoices::Before::operator()(const std::pair<DndConvolution, bool>& a,
                                            const std::pair<DndConvolution, bool>& b) const {
  return std::make_pair(fields_of(a.first), a.second) < std::make_pair(fields_of(b.first), b.second);
}

std::shared_ptr<const ConvolutionChoice> ConvolutionChoices::of(const DndConvolution& convolution,
                                                                bool spectra_resident) {
  if (convolution.transposed_weight != 0 || convolution.epilogue == kDndAdd) {
    throw Error(ErrorCode::kInvalidArgument, "convolution: gradients are computed on a CPU only");
  }
  const std::pair key(convolution, spectra_resident);
  if (const auto found = made_.find(key); found != made_.end()) return found->second;
  const Geometry geometry = convolution_geometry(convolution);
  auto choice = std::make_shared<const ConvolutionChoice>(
      geometry, plan_cuda_convolution(shape_of(geometry), options(convolution, spectra_resident)));
  if (made_.size() >= kMost) made_.clear();
  return made_.emplace(key, std::move(choice)).first->second;
}

int64_t ConvolutionChoices::least_workspace(const DndConvolution& convolution, bool spectra_resident) const {
  return cuda_least_workspace(shape_of(convolution_geometry(convolution)), options(convolution, spectra_resident));
}

}  // namespace dnd::cuda
