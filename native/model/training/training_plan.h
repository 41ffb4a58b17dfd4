#pragma once

#include <cstdint>
#include <vector>

#include "model/decoder_model.h"

namespace dnd {

/// How a training pass over a batch is executed. Results depend only on the batch and convolution_limit.
struct TrainingPlan {
  int64_t batch = 1;
  bool output_gradient = false;   ///< room for one, beside a target
  int64_t convolution_limit = 0;  ///< on the workspace bytes of each convolution
  int64_t workspace_bytes = 0;    ///< the largest of these workspaces
  std::vector<bool> saved;        ///< by layer: inner activations are saved, not recomputed
  int64_t bytes = 0;              ///< of the memory block of the pass
  bool fits = true;               ///< false: nothing fits; `bytes` would suffice

  int64_t saved_layers() const;
};

/// Plans a pass within `available` bytes. Each convolution's workspace gets 1 GiB (or, if that is not sufficient, the
/// least power of two that is), halved until a pass that saves nothing fits beside it. All results depend on this limit
/// through the plans of the convolutions, so it depends only on batch and `available`, not on the workspace that is
/// actually used with so many threads. The rest goes to saved activations, most avoided recomputation per byte first.
TrainingPlan plan_training_pass(const DecoderModel& model, int64_t batch, int64_t available, bool output_gradient);

/// Multiply-adds of the pass, as reported by its operations.
double multiply_adds_of(const DecoderModel& model, const TrainingPlan& plan);

/// The convolutions that compute input gradients from output gradients, in the same order
/// (DndConvolution::transposed_weight). The layer's input has two, which are summed: kHeightFirst adds to the first.
std::vector<DndConvolution> input_gradient_convolutions(const std::vector<DndConvolution>& forward);

}  // namespace dnd
