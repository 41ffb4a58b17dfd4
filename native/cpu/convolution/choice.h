#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "cpu/convolution/direct_plan.h"
#include "cpu/isa/spectral_kernels.h"
#include "cpu/spectral/spectral_layout.h"
#include "plan/convolution_plan.h"
#include "plan/geometry.h"

namespace dnd::cpu {

/// What a convolution will do with so many threads. The algorithm and everything that its result depends on come from
/// the plan alone, which knows nothing of threads.
struct ConvolutionChoice {
  Geometry geometry;
  Algorithm algorithm;
  SpectralPlan spectral;
  SpectralLayout layout;      ///< of the spectral algorithm
  DirectPlan direct;          ///< of the direct one
  int64_t normalised_floats;  ///< of the direct one: room for the normalised input
  int64_t workspace_bytes;    ///< above the limit: nothing fits into it
};

/// Errors as of convolution_geometry and plan_convolution.
ConvolutionChoice choose_convolution(const DndConvolution& convolution, int threads);

/// Choices made before, for a device with so many threads: the same convolution is asked about several times, and a
/// small one takes less time than its plan. Safe to call from any thread.
class ConvolutionChoices {
 public:
  explicit ConvolutionChoices(int threads) : threads_(threads) {}
  std::shared_ptr<const ConvolutionChoice> of(const DndConvolution& convolution);
  int threads() const { return threads_; }

 private:
  struct Before {
    bool operator()(const DndConvolution& a, const DndConvolution& b) const;
  };
  static constexpr size_t kMost = 512;  ///< several decoders' convolutions at several batches; then all are forgotten

  const int threads_;
  std::mutex mutex_;
  std::map<DndConvolution, std::shared_ptr<const ConvolutionChoice>, Before> made_;
};

/// A workspace_limit above `convolution`'s own, and not much above the least, with which it is possible.
int64_t sufficient_workspace(DndConvolution convolution, int threads);

}  // namespace dnd::cpu
