#pragma once

#include <compare>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "backend.h"
#include "plan/cuda_plan.h"
#include "plan/geometry.h"

namespace dnd::cuda {

/// What a convolution will do on a device.
struct ConvolutionChoice {
  ConvolutionChoice(const Geometry& of, CudaConvolutionPlan taken) : geometry(of), plan(std::move(taken)) {}
  Geometry geometry;
  CudaConvolutionPlan plan;
};

/// What a resident weight's form depends on: a convolution of one task.
struct TaskShape {
  int64_t channels, out_channels, rows, columns, kernel;
  DndAlgorithm algorithm;

  auto operator<=>(const TaskShape&) const = default;
};

/// Algorithm and tiles, the same for every batch and limit.
struct ConvolutionForm {
  Algorithm algorithm;
  CudaTiling tiling;
  ConvolutionShape shape;  ///< of one task
  double weight_seconds;   ///< predicted, for all spectra of the weight
};

/// Cached choices, for one state of a device: the same convolution is looked up several times.
class ConvolutionChoices {
 public:
  ConvolutionChoices(std::string device_model, DndPrecision precision)
      : device_model_(std::move(device_model)), precision_(precision) {}

  static TaskShape task_shape(const DndConvolution& convolution);

  /// Errors as of convolution_geometry and plan_cuda_convolution.
  ConvolutionForm form(const DndConvolution& convolution);
  std::shared_ptr<const ConvolutionChoice> of(const DndConvolution& convolution, bool spectra_resident);

  /// The least workspace_limit with which it is possible.
  int64_t least_workspace(const DndConvolution& convolution, bool spectra_resident) const;

  DndPrecision precision() const { return precision_; }

 private:
  struct Before {
    bool operator()(const std::pair<DndConvolution, bool>& a, const std::pair<DndConvolution, bool>& b) const;
  };
  static constexpr size_t kMost = 512;  ///< several decoders' convolutions at several batches; then all are forgotten

  CudaPlanOptions options(const DndConvolution& convolution, bool spectra_resident) const;

  const std::string device_model_;
  const DndPrecision precision_;
  std::map<std::pair<DndConvolution, bool>, std::shared_ptr<const ConvolutionChoice>, Before> made_;
};

}  // namespace dnd::cuda
