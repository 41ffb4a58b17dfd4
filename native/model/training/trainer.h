#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "backend_training.h"
#include "model/decoder.h"

namespace dnd {

/// How an optimiser keeps its moments.
enum class MomentType { kFloat32, kEightBit };

struct OptimiserOptions {
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0.1;
  double max_gradient_norm = 1.0;  ///< 0: not clipped
  MomentType moments = MomentType::kFloat32;
};

struct TrainerConfig {
  DecoderConfig decoder;
  OptimiserOptions optimiser = {};
};

/// Some tasks of a step. The gradient of `weight` · loss is added to what the step has so far.
struct TrainingBatch {
  const float* condition;   ///< [batch, N₀, projected_from or H₀, W₀]
  const float* target;      ///< [batch, N, H, W] of the last feature, NaN where there is nothing
  const float* importance;  ///< [N] of the last feature, or null for ones
  int64_t batch;
  double weight = 1;  ///< of this loss in the step's: its share of the step's tasks
  uint64_t noise_key = 0;
  uint64_t noise_stream = 0;  ///< task i draws from streams 2 · (noise_stream + i) (condition) and + 1 (target)
  double condition_noise = 0, target_noise = 0;  ///< standard deviations; the condition's is added after projection
};

/// Something that an optimiser remembers, as a checkpoint stores it.
struct StateInfo {
  enum class Type { kFloat32, kUint8 };
  std::string name;  ///< "first.<parameter>", "second.<parameter>", and "….largest" of each block where quantised
  Type type;
  int64_t elements;
  int64_t bytes() const { return elements * (type == Type::kFloat32 ? 4 : 1); }
};

/// What training takes beside the parameters, in bytes.
struct TrainingMemory {
  int64_t parameters, gradients, states;
  int64_t activations;   ///< kept from the forward pass, and what the backward pass works in
  int64_t saved_layers;  ///< layers whose inner activations are kept; those of the others are computed again
  /// Most bytes of a convolution's workspace: 1 GiB, or a half, a quarter … where the limit leaves less. What a step
  /// computes, byte for byte, depends on it; on nothing else that the limit decides.
  int64_t convolution_limit;
  int64_t total() const { return parameters + gradients + states + activations; }
};

/// A decoder in training: forward, loss, backward, clipping, AdamW. float32. Its bytes depend on the sizes of the
/// batches and the instruction set, but not on the number of threads, nor on which activations are kept. One call at a
/// time.
class Trainer {
 public:
  /// Error(kUnavailable) on a device that does not train; else as Decoder.
  Trainer(TrainerConfig config, const DeviceChoice& device);
  ~Trainer();

  Decoder& decoder();
  const Decoder& decoder() const;
  const TrainerConfig& config() const;

  // As ModelHandle wants a model: the decoder's parameters.
  const std::vector<ParameterInfo>& parameters() const;
  int64_t parameter_bytes() const;
  float* parameter(const std::string& name);
  const float* parameter(const std::string& name) const;
  void prepare(Job& job);
  bool in_host_memory() const;
  DeviceMemory device_memory() const;

  /// `limit`: most bytes to take in all; as many layers keep their activations as fit into it. Above it: nothing fits.
  TrainingMemory memory(int64_t batch, int64_t limit = INT64_MAX) const;

  /// Forward, loss, backward. Results: sums [batch]; the mean loss of these tasks is Σ weighted_squares / Σ valid.
  /// Error(kOutOfMemory) where the limit is too little; Error(kAborted): the gradient is then as if the step had not
  /// begun (zero), also what other batches of the step had added.
  void accumulate(const TrainingBatch& batch, DndTokenSums* sums, Job& job, int64_t limit = INT64_MAX);

  /// Drops the gradient.
  void reset_gradient();

  /// Norm of the accumulated gradient over all parameters before clipping. Changes the parameters, counts the step and
  /// drops the gradient, unless the norm is not finite: then nothing is changed but the gradient, which is dropped.
  /// Error(kInvalidArgument) where nothing was accumulated. Error(kAborted) before anything was changed.
  double update(double learning_rate, Job& job);

  /// Of the last `accumulate`s. Error(kInvalidArgument) for an unknown name and where nothing was accumulated.
  const float* gradient(const std::string& name) const;

  /// As Decoder::forward, for evaluation, within a limit to all memory.
  void forward(const float* condition, int64_t batch, float* tokens, Job& job, int64_t limit = INT64_MAX);

  /// Steps done; 0 of a fresh one. Written when a checkpoint is loaded.
  int64_t step() const;
  void set_step(int64_t step);

  const std::vector<StateInfo>& states() const;
  int64_t state_bytes() const;
  /// Where the state lies. Error(kInvalidArgument) for an unknown name.
  void* state(const std::string& name);
  const void* state(const std::string& name) const;

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace dnd
