#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/job.h"
#include "model/language/batch.h"
#include "model/language/model.h"
#include "model/language/pass.h"
#include "model/language/runtime.h"
#include "model/language/training/pass.h"
#include "model/training/gradients.h"
#include "model/training/optimiser_options.h"
#include "model/training/optimiser_states.h"

namespace dnd {

struct CausalTrainerConfig {
  std::optional<LoraShape> lora;  ///< none: every parameter of the model is trained
  float scale = 1;                ///< of the adapter
  OptimiserOptions optimiser = {};
};

/// Memory of training beside the frozen model, in bytes.
struct CausalTrainingMemory {
  int64_t parameters, gradients, states;  ///< trained ones
  int64_t activations;                    ///< saved ones, and the workspace of the backward pass
  int64_t saved_layers;
  int64_t total() const { return parameters + gradients + states + activations; }
};

/// A language model in training, or an adapter beside it: forward, loss, backward, clipping, AdamW. float32. Results
/// depend on batches and the instruction set; they are bit-identical for any number of threads and any memory limit.
/// One call at a time; the model may be in use elsewhere, but waits while every parameter is updated.
class CausalTrainer {
 public:
  /// Error(kUnavailable) on a device that does not train language models, Error(kInvalidArgument), of every parameter on a
  /// device of kDndBfloat16 too, Error(kOutOfMemory).
  CausalTrainer(std::shared_ptr<CausalModel> model, const CausalTrainerConfig& config, const DeviceChoice& device);

  const CausalConfig& config() const { return model_->config(); }

  // The interface that ModelHandle requires, for the trained parameters: an adapter's by PEFT's names.
  const std::vector<ParameterInfo>& parameters() const { return trained().infos(); }
  int64_t parameter_bytes() const { return trained().bytes(); }
  /// Of the frozen model.
  void require_unchanged() const { std::as_const(*model_).parameters().require_unchanged(); }
  float* parameter(const std::string& name) { return trained().writable(name); }
  const float* parameter(const std::string& name) const { return trained().find(name); }
  void prepare(Job& job);
  bool in_host_memory() const { return runtime_.device().in_host_memory(); }
  DeviceMemory device_memory() const { return runtime_.device_memory(); }

  bool trains_adapter() const { return layout_ != nullptr; }

  /// An adapter as PEFT begins it, or the model (initialise.h) with a standard deviation of 0.02.
  void initialise(uint64_t seed, Job& job);

  /// `limit`: on total bytes; as many layers save their activations as fit. A larger total means that nothing fits.
  CausalTrainingMemory memory(const CausalBatch& batch, const int32_t* labels,
                              int64_t limit = INT64_MAX) const;

  /// Forward, loss, backward: adds the gradient of weight · Σ losses of the labels [tokens] to the step's. The batch
  /// has no adapters of its own. Returns the likelihoods of the sequences.
  /// Error(kInvalidArgument); Error(kOutOfMemory) if the limit is too low; Error(kAborted), dropping the gradient of the
  /// whole step, earlier batches included.
  std::vector<LikelihoodSum> accumulate(const CausalBatch& batch, const int32_t* labels, double weight, Job& job,
                                        int64_t limit = INT64_MAX);

  void reset_gradient() { gradients_.accumulated = false; }

  /// As Trainer::update.
  double update(double learning_rate, Job& job);

  /// The accumulated gradient. Error(kInvalidArgument) for an unknown name or if nothing was accumulated.
  const float* gradient(const std::string& name) const;

  /// Completed steps; set when a checkpoint is loaded.
  int64_t step() const { return step_; }
  void set_step(int64_t step);

  const std::vector<StateInfo>& states() const { return states_.infos(); }
  int64_t state_bytes() const { return states_.bytes(); }
  void* state(const std::string& name) { return states_.find(name); }

 private:
  ParameterStore& trained() { return layout_ != nullptr ? adapter_ : model_->parameters(); }
  const ParameterStore& trained() const { return layout_ != nullptr ? adapter_ : model_->parameters(); }
  int64_t lasting_bytes() const;
  /// The adapter, and its gradients once they are reserved; null: every parameter is trained.
  std::optional<LoraOperands> operands() const;
  /// Error(kOutOfMemory) if nothing fits.
  CausalTrainingPlan planned(const CausalBatch& batch, const CausalRows& rows, int64_t available) const;
  void run(const CausalRows& rows, const CausalTrainingPlan& plan, double weight, double* losses, Job& job);

  const std::shared_ptr<CausalModel> model_;
  const std::shared_ptr<const LoraLayout> layout_;  ///< null: every parameter is trained
  const float scale_;
  const OptimiserOptions optimiser_;
  ParameterStore adapter_;
  CausalRuntime runtime_;
  Gradients gradients_;
  OptimiserStates states_;
  int64_t step_ = 0;
};

}  // namespace dnd
