#pragma once

#include <cstdint>
#include <vector>

#include "model/decoder_model.h"

namespace dnd {

/// How a training pass over a batch is done. Its results depend on the batch and the convolutions' limit alone.
struct TrainingPlan {
  int64_t batch = 1;
  int64_t convolution_limit = 0;  ///< bytes of each convolution's workspace, at most
  int64_t workspace_bytes = 0;    ///< of the largest of these workspaces
  std::vector<bool> saved;        ///< by layer: its inner activations are kept, not computed again
  int64_t bytes = 0;              ///< of the block that the pass works in
  bool fits = true;               ///< false: nothing does, and `bytes` would be enough

  int64_t saved_layers() const;
};

/// The plan of a pass that may take so many bytes. Each convolution's workspace gets 1 GiB (or the least power of two
/// that is enough, where that is more), or, where a pass that keeps nothing would not fit beside that, a half, a
/// quarter … of it: convolutions' plans and so all results depend on this limit, so it depends on batch and `available`
/// alone, not on what the workspaces really take with so many threads. What is left goes to layers that keep their
/// inner activations, those first that save most work for their memory.
TrainingPlan plan_training_pass(const DecoderModel& model, int64_t batch, int64_t available);

/// Multiply-adds of the pass as its operations report them.
double multiply_adds_of(const DecoderModel& model, const TrainingPlan& plan);

/// The convolutions that give the gradients of their inputs from those of their results, in the same order
/// (DndConvolution::transposed_weight). The two of the layer's input are summed: that of kHeightFirst comes second.
std::vector<DndConvolution> input_gradient_convolutions(const std::vector<DndConvolution>& forward);

}  // namespace dnd
