#pragma once

#include "cpu/convolution/choice_memory.h"
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
  int64_t normalised_floats;  ///< of the direct one: space for the normalised input
  int64_t workspace_bytes;    ///< above the limit: nothing fits into it
};

/// Errors as of convolution_geometry and plan_convolution.
ConvolutionChoice choose_convolution(const DndConvolution& convolution, int threads);
/// The same with bfloat16 operands of spectral products.
ConvolutionChoice choose_bfloat16_convolution(const DndConvolution& convolution, int threads);

class ConvolutionChoices : public ChoiceMemory<ConvolutionChoice> {
 public:
  explicit ConvolutionChoices(int threads, bool bfloat16 = false)
      : ChoiceMemory(threads, "convolution", bfloat16 ? choose_bfloat16_convolution : choose_convolution) {}
};

}  // namespace dnd::cpu
