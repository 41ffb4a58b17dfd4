#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/job.h"
#include "model/language/batch.h"
#include "model/language/generation.h"
#include "model/language/runtime.h"

namespace dnd {

/// A causal language model: token ids → hidden states, logits, likelihoods, more ids. float32. What a sequence gives is
/// bit-identical for any other sequences in the batch and any number of threads. One call at a time.
class CausalLanguageModel {
 public:
  /// Allocates the parameters that are not mapped, uninitialised, in host memory. Error(kInvalidArgument) as check_config,
  /// Error(kOutOfMemory), Error(kUnavailable).
  CausalLanguageModel(CausalConfig config, const DeviceChoice& device, MappedParameters mapped = {});

  const CausalConfig& config() const { return model_->config(); }
  /// For trainers of the same parameters.
  const std::shared_ptr<CausalModel>& model() const { return model_; }
  CausalRuntime& runtime() { return runtime_; }
  const CausalRuntime& runtime() const { return runtime_; }

  // The interface that ModelHandle requires.
  const std::vector<ParameterInfo>& parameters() const { return model_->parameters().infos(); }
  int64_t parameter_bytes() const { return store().bytes(); }
  const ParameterStore& store() const { return std::as_const(*model_).parameters(); }
  void require_unchanged() const { store().require_unchanged(); }
  float* parameter(const std::string& name) { return model_->parameters().writable(name); }
  const float* parameter(const std::string& name) const { return std::as_const(*model_).parameters().find(name); }
  void prepare(Job& job);
  bool in_host_memory() const { return runtime_.device().in_host_memory(); }
  DeviceMemory device_memory() const { return runtime_.device_memory(); }

  /// Matrices normal with this standard deviation, norms 1, biases 0 (initialise.h).
  void initialise(uint64_t seed, double standard_deviation, Job& job);

  /// Memory of log_likelihoods of these labels beside operands and result; null: an upper bound on that of hidden_states
  /// or logits. Adapters are not read.
  int64_t workspace_bytes(const CausalBatch& batch, const int32_t* labels) const;

  /// After layer `layer`, 1 … layers, and after the last one the final norm: states [tokens, hidden_size].
  /// Errors of this and the next: kInvalidArgument as check_batch, kOutOfMemory, kAborted.
  void hidden_states(const CausalBatch& batch, int64_t layer, float* states, Job& job);
  /// logits [tokens, vocab_size]
  void logits(const CausalBatch& batch, float* logits, Job& job);
  /// labels [tokens]: position i − 1 predicts label i of its sequence; kIgnoredLabel counts for nothing.
  std::vector<SequenceLikelihood> log_likelihoods(const CausalBatch& batch, const int32_t* labels, Job& job);

  /// Of `generate`, key–value cache included.
  int64_t generation_bytes(const CausalBatch& batch, int64_t max_new_tokens) const;
  std::vector<GeneratedSequence> generate(const CausalBatch& batch, const GenerationSettings& settings, Job& job);

 private:
  const std::shared_ptr<CausalModel> model_;
  CausalRuntime runtime_;
};

}  // namespace dnd
