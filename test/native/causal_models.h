#pragma once

#include <cmath>
#include <cstdint>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "core/job.h"
#include "model/language/language_model.h"
#include "model/language/training/adapter_gradients.h"
#include "model/language/training/trainer.h"
#include "naive_language.h"
#include "random_values.h"

/// Small causal language models with random parameters, and batches for them.
namespace dnd::test {

inline std::vector<double> frequencies(int64_t head_width) {
  std::vector<double> values;
  for (int64_t i = 0; i < head_width / 2; ++i) {
    values.push_back(std::pow(10000.0, -2.0 * static_cast<double>(i) / static_cast<double>(head_width)));
  }
  return values;
}

/// Llama's, with an output head of its own.
inline CausalConfig llama_config() {
  return {.vocab_size = 29,
          .hidden_size = 12,
          .layers = 3,
          .heads = 4,
          .kv_heads = 2,
          .head_width = 4,
          .intermediate_size = 20,
          .max_positions = 24,
          .rms_norm_eps = 1e-5f,
          .qkv_bias = false,
          .output_bias = false,
          .mlp_bias = false,
          .query_key_norm = false,
          .tied_head = false,
          .windows = {0, 0, 0},
          .inverse_frequencies = frequencies(4)};
}

/// Everything that the families add: biases, norms of heads, windows, a tied head, heads wider than the hidden size.
inline CausalConfig rich_config() {
  CausalConfig config = llama_config();
  config.kv_heads = 1;
  config.head_width = 6;
  config.inverse_frequencies = frequencies(6);
  config.qkv_bias = config.output_bias = config.mlp_bias = config.query_key_norm = config.tied_head = true;
  config.windows = {3, 0, 5};
  return config;
}

/// The CPU with the naive operations of language models: what the mathematics of models is tested on.
inline const DndBackend* naive_backend() {
  static const DndBackend backend = [] {
    DndBackend copy = *cpu_backend();
    copy.language = &naive::kOperations;
    return copy;
  }();
  return &backend;
}

inline DeviceChoice naive_device() { return {naive_backend(), {.threads = 1}}; }

/// Normal parameters, large enough for every part to matter; norms and biases too are random.
inline void randomise(CausalLanguageModel& model, uint32_t seed = 1) {
  for (const ParameterInfo& info : model.parameters()) {
    const bool norm = info.name.ends_with("norm.weight");
    const std::vector<float> values = random_values(info.elements(), seed++);
    float* const parameter = model.parameter(info.name);
    for (int64_t i = 0; i < info.elements(); ++i) {
      parameter[i] = norm ? 1 + 0.3f * values[static_cast<size_t>(i)] : 0.5f * values[static_cast<size_t>(i)];
    }
  }
}

/// A batch that owns its ids.
struct OwnedBatch {
  std::vector<int32_t> ids, labels;
  CausalBatch batch;
  std::vector<std::vector<float>> adapters, teachers;

  OwnedBatch() = default;
  OwnedBatch(OwnedBatch&&) = default;
  OwnedBatch& operator=(OwnedBatch&&) = default;
};

/// Every third label is ignored.
inline OwnedBatch random_batch(const CausalConfig& config, const std::vector<int64_t>& lengths, uint32_t seed = 3) {
  OwnedBatch owned;
  const int64_t tokens = std::accumulate(lengths.begin(), lengths.end(), int64_t{0});
  uint32_t state = seed * 2654435761u + 1;
  for (int64_t i = 0; i < tokens; ++i) {
    state = state * 1664525u + 1013904223u;
    owned.ids.push_back(static_cast<int32_t>((state >> 8) % static_cast<uint32_t>(config.vocab_size)));
  }
  owned.labels = owned.ids;
  for (size_t i = 0; i < owned.labels.size(); i += 3) owned.labels[i] = kIgnoredLabel;
  owned.batch = {.ids = owned.ids.data(), .lengths = lengths};
  return owned;
}

const std::vector<Module> kAllModules = {Module::kQuery, Module::kKey,  Module::kValue, Module::kOutput,
                                         Module::kUp,    Module::kGate, Module::kDown};

inline LoraShape whole_shape(const CausalConfig& config, int64_t rank = 2) {
  LoraShape shape{.rank = rank, .modules = kAllModules, .layers = {}};
  for (int64_t layer = 0; layer < config.layers; ++layer) shape.layers.push_back(layer);
  return shape;
}

/// Gives the batch `count` random adapters; `adapter_of` as of AdapterBatch.
inline void add_adapters(OwnedBatch& owned, const CausalConfig& config, const LoraShape& shape, int64_t count,
                         std::vector<int64_t> adapter_of) {
  AdapterBatch lora;
  lora.layout = std::make_shared<const LoraLayout>(config, shape);
  lora.scale = 0.7f;
  lora.adapter_of = std::move(adapter_of);
  for (int64_t i = 0; i < count; ++i) {
    owned.adapters.push_back(random_values(lora.layout->elements(), 50 + static_cast<uint32_t>(i)));
    for (float& value : owned.adapters.back()) value *= 0.4f;
  }
  for (const std::vector<float>& adapter : owned.adapters) lora.adapters.push_back(adapter.data());
  owned.batch.lora = std::move(lora);
}

/// Gives each of its adapters a random teacher.
inline void add_teachers(OwnedBatch& owned) {
  AdapterBatch& lora = *owned.batch.lora;
  for (size_t i = 0; i < lora.adapters.size(); ++i) {
    owned.teachers.push_back(random_values(lora.layout->elements(), 70 + static_cast<uint32_t>(i)));
    for (float& value : owned.teachers.back()) value *= 0.4f;
  }
  for (const std::vector<float>& teacher : owned.teachers) lora.teachers.push_back(teacher.data());
}

inline std::vector<float> logits_of(CausalLanguageModel& model, const CausalBatch& batch) {
  std::vector<float> logits(static_cast<size_t>(batch.tokens() * model.config().vocab_size));
  Job job;
  model.logits(batch, logits.data(), job);
  return logits;
}

/// Gradients of each adapter of the batch. `likelihoods`: of the sequences.
inline std::vector<std::vector<float>> adapter_gradients_of(CausalLanguageModel& model, const OwnedBatch& owned,
                                                            int64_t limit = INT64_MAX,
                                                            std::vector<LikelihoodSum>* likelihoods = nullptr) {
  const AdapterBatch& lora = *owned.batch.lora;
  std::vector<std::vector<float>> gradients(lora.adapters.size(),
                                            std::vector<float>(static_cast<size_t>(lora.layout->elements()), NAN));
  std::vector<float*> places;
  for (std::vector<float>& gradient : gradients) places.push_back(gradient.data());
  Job job;
  const auto sums = adapter_gradients(model.runtime(), owned.batch, owned.labels.data(), 0.25, places, job, limit);
  if (likelihoods != nullptr) *likelihoods = sums;
  return gradients;
}

template <typename Sum>
double sum_of(const std::vector<Sum>& sums) {
  double total = 0;
  for (const Sum& sum : sums) total += sum.sum;
  return total;
}

}  // namespace dnd::test
