#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "backend_training.h"
#include "model/decoder.h"
#include "model/training/optimiser_options.h"

namespace dnd {

struct TrainerConfig {
  DecoderConfig decoder;
  OptimiserOptions optimiser = {};
};

/// A micro-batch with a target, an output gradient or both. Its gradient is added to the gradient of the step.
struct TrainingBatch {
  const float* condition;   ///< [batch, N₀, projected_from or H₀, W₀]
  const float* target;      ///< [batch, N, H, W] of the last feature, NaN where there is no target; null: no token loss
  const float* importance;  ///< [N] of the last feature, or null for ones
  int64_t batch;
  double weight = 1;  ///< of the token loss in the loss of the step: the share of its tasks
  /// Gradient of another loss with respect to the weight tokens that `forward` gives for this condition, [batch, N, H, W];
  /// null: there is none. Its own weight is part of it.
  const float* output_gradient = nullptr;
  uint64_t noise_key = 0;
  uint64_t noise_stream = 0;  ///< task i uses streams 2 · (noise_stream + i) (condition) and + 1 (target)
  double condition_noise = 0, target_noise = 0;  ///< standard deviations; condition noise is added after projection
};

/// Memory of training, in bytes.
struct TrainingMemory {
  int64_t parameters, gradients, states;
  int64_t activations;   ///< saved activations and the workspace of the backward pass
  int64_t saved_layers;  ///< layers with saved inner activations; the others recompute them
  /// Limit on a convolution's workspace: 1 GiB, or a half, a quarter … if the memory limit leaves less. The
  /// memory limit changes the bytes of a step's results only through it.
  int64_t convolution_limit;
  int64_t total() const { return parameters + gradients + states + activations; }
};

/// A decoder in training: forward, loss, backward, clipping, AdamW. float32. Results depend on batch sizes and the
/// instruction set; they are bit-identical for any number of threads and any choice of saved activations. One call at a
/// time.
class Trainer {
 public:
  /// Error(kUnavailable) on a device without training; otherwise as Decoder.
  Trainer(TrainerConfig config, const DeviceChoice& device);
  ~Trainer();

  Decoder& decoder();
  const Decoder& decoder() const;
  const TrainerConfig& config() const;

  // The interface that ModelHandle requires, for the decoder's parameters.
  const std::vector<ParameterInfo>& parameters() const;
  int64_t parameter_bytes() const;
  void require_unchanged() const {}  ///< none of them is mapped
  float* parameter(const std::string& name);
  const float* parameter(const std::string& name) const;
  void prepare(Job& job);
  bool in_host_memory() const;
  DeviceMemory device_memory() const;

  /// `limit`: on total bytes; as many layers save their activations as fit. A larger total means that nothing fits.
  TrainingMemory memory(int64_t batch, int64_t limit = INT64_MAX, bool output_gradient = false) const;

  /// Forward, loss, backward. Writes sums [batch], zeros without a target; the mean token loss of these tasks is
  /// Σ weighted_squares / Σ valid.
  /// Error(kOutOfMemory) if the limit is too low; Error(kAborted), dropping the gradient of the whole step, earlier
  /// batches included.
  void accumulate(const TrainingBatch& batch, DndTokenSums* sums, Job& job, int64_t limit = INT64_MAX);

  void reset_gradient();

  /// Updates the parameters, counts the step and drops the gradient; returns the norm of the accumulated gradient over
  /// all parameters before clipping. If it is not finite, only drops the gradient.
  /// Error(kInvalidArgument) if nothing was accumulated; Error(kAborted), nothing changed.
  double update(double learning_rate, Job& job);

  /// The accumulated gradient. Error(kInvalidArgument) for an unknown name or if nothing was accumulated.
  const float* gradient(const std::string& name) const;

  /// As Decoder::forward, for evaluation, within a limit on total memory.
  void forward(const float* condition, int64_t batch, float* tokens, Job& job, int64_t limit = INT64_MAX);

  /// Completed steps; set when a checkpoint is loaded.
  int64_t step() const;
  void set_step(int64_t step);

  const std::vector<StateInfo>& states() const;
  int64_t state_bytes() const;
  /// Address of the state. Error(kInvalidArgument) for an unknown name.
  void* state(const std::string& name);
  const void* state(const std::string& name) const;

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace dnd
