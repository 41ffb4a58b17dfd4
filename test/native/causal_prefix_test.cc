#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "bfloat16.h"
#include "causal_models.h"
#include "model/language/labelled_rows.h"
#include "model/language/prefixes.h"
#include "model/language/training/pass.h"

namespace dnd {
namespace {

using namespace test;

/// A sequence, and where its first label is; later ones are ignored now and then.
struct Text {
  std::vector<int32_t> ids;
  size_t first_label;
  int64_t adapter = -1;
};

std::vector<int32_t> joined(std::vector<int32_t> ids, const std::vector<int32_t>& more) {
  ids.insert(ids.end(), more.begin(), more.end());
  return ids;
}

OwnedBatch batch_of(const std::vector<Text>& texts, const CausalConfig& config, int64_t adapters = 0) {
  OwnedBatch owned;
  std::vector<int64_t> lengths, adapter_of;
  for (const Text& text : texts) {
    for (size_t i = 0; i < text.ids.size(); ++i) {
      owned.ids.push_back(text.ids[i]);
      owned.labels.push_back(i >= text.first_label && (i - text.first_label) % 4 != 2 ? text.ids[i] : kIgnoredLabel);
    }
    lengths.push_back(static_cast<int64_t>(text.ids.size()));
    adapter_of.push_back(text.adapter);
  }
  owned.batch = {.ids = owned.ids.data(), .lengths = lengths};
  if (adapters > 0) add_adapters(owned, config, whole_shape(config), adapters, adapter_of);
  return owned;
}

const std::vector<int32_t> kSystem = {3, 14, 15, 9, 26, 5}, kOther = {3, 14, 15, 9, 27, 18, 2};

/// Two adapters and none; prefixes in and behind windows; equal sequences, one of one token, one without labels.
std::vector<Text> many_texts() {
  return {
      {joined(kSystem, {7, 8, 4, 20, 21}), 8, 1},
      {joined(kSystem, {7, 8, 19, 2}), 9, 0},
      {joined(kSystem, {1, 22, 6}), 7, 1},
      {joined(kSystem, {7, 8, 4, 11, 12, 13, 17}), 9, 1},
      {{5}, 1, 1},
      {joined(kOther, {1, 2, 3}), 9, -1},
      {joined(kSystem, {7, 8, 19, 2}), 9, 0},
      {joined(kOther, {1, 2, 3}), 9, -1},
      {joined(kSystem, {9, 9, 9}), 20, 0},
      {kSystem, 1, 1},
      {joined(kSystem, {7, 8, 19, 2, 25, 24, 23, 22, 21, 20, 19, 18}), 7, 0},
  };
}

std::vector<std::vector<size_t>> sequences_of(const std::vector<PrefixRun>& runs) {
  std::vector<std::vector<size_t>> sequences;
  for (const PrefixRun& run : runs) sequences.push_back(run.sequences);
  return sequences;
}

std::vector<int64_t> prefixes_of(const std::vector<PrefixRun>& runs) {
  std::vector<int64_t> prefixes;
  for (const PrefixRun& run : runs) prefixes.push_back(run.prefix);
  return prefixes;
}

std::vector<PrefixRun> runs_of(const OwnedBatch& owned) {
  return prefix_runs(owned.batch, 0, owned.batch.lengths.size(), owned.labels.data());
}

TEST(CausalPrefix, is_what_sequences_begin_with_before_the_row_of_their_first_label) {
  const OwnedBatch owned = batch_of({{joined(kSystem, {1, 2, 3, 4}), 9},
                                     {joined(kSystem, {1, 2, 7}), 8},
                                     {joined(kSystem, {1, 2, 3, 4, 5}), 8}},
                                    llama_config());
  const std::vector<PrefixRun> runs = runs_of(owned);
  EXPECT_EQ(sequences_of(runs), (std::vector<std::vector<size_t>>{{0, 2, 1}}));
  EXPECT_EQ(prefixes_of(runs), (std::vector<int64_t>{7}));  // row 7 predicts the labels at 8
}

TEST(CausalPrefix, of_a_run_is_the_one_that_saves_most) {
  const std::vector<int32_t> question = joined(kSystem, {1, 2, 3, 4, 5, 6}), other = joined(kSystem, {8, 1, 1, 2});
  const OwnedBatch owned = batch_of({{joined(question, {1, 7}), 13},
                                     {joined(other, {2, 9}), 11},
                                     {joined(question, {2, 7}), 13},
                                     {joined(other, {3, 3}), 11},
                                     {joined(kSystem, {28, 28}), 7},
                                     {joined(kSystem, {27, 28}), 7},
                                     {joined(question, {3, 7}), 13},
                                     {joined(other, {4, 9}), 11}},
                                    llama_config());
  const std::vector<PrefixRun> runs = runs_of(owned);
  EXPECT_EQ(sequences_of(runs), (std::vector<std::vector<size_t>>{{0, 2, 6}, {1, 3, 7}, {5, 4}}));
  EXPECT_EQ(prefixes_of(runs), (std::vector<int64_t>{12, 10, 6}));
}

TEST(CausalPrefix, is_not_shared_by_adapters_or_where_it_is_short) {
  const OwnedBatch owned = batch_of({{joined(kSystem, {1, 2}), 7, 0},
                                     {joined(kSystem, {1, 3}), 7, 1},
                                     {joined(kSystem, {1, 4}), 7, -1},
                                     {{1, 2, 3, 4, 5}, 4, 0},
                                     {{1, 2, 3, 5, 5}, 4, 0}},
                                    llama_config(), 2);
  const std::vector<PrefixRun> runs = runs_of(owned);
  EXPECT_EQ(sequences_of(runs), (std::vector<std::vector<size_t>>{{2}, {3}, {4}, {0}, {1}}));
  EXPECT_EQ(prefixes_of(runs), (std::vector<int64_t>(5, 0)));
}

TEST(CausalPrefix, is_there_once_with_rows_up_to_the_last_label_behind_it) {
  OwnedBatch owned = batch_of({{joined(kSystem, {1, 2, 3}), 8}, {joined(kSystem, {1, 9, 4, 2}), 8}}, llama_config());
  owned.labels[8] = owned.labels[17] = kIgnoredLabel;  // the first has none any more, the second one at position 9
  owned.labels[7] = 2;
  owned.labels[18] = 2;
  const CausalRows rows = labelled_rows(owned.batch, 0, 2, owned.labels.data());
  EXPECT_EQ(rows.ids, joined(kSystem, {1, 1, 9, 4}));
  EXPECT_EQ(rows.positions, (std::vector<int32_t>{0, 1, 2, 3, 4, 5, 6, 6, 7, 8}));
  EXPECT_EQ(rows.query_offsets, (std::vector<int64_t>{0, 6, 7, 10}));
  EXPECT_EQ(rows.shared_counts, (std::vector<int64_t>{0, 6, 6}));
  EXPECT_EQ(rows.outputs, (std::vector<int32_t>{6, 9}));
  EXPECT_EQ(rows.label_sequences, (std::vector<size_t>{0, 1}));
  EXPECT_EQ(rows.shared_keys(), 12);
}

TEST(CausalPrefix, of_many_sequences_is_shared_by_all_of_them) {
  std::vector<Text> texts;
  for (int32_t i = 0; i < 200; ++i) texts.push_back({joined(kSystem, {i % 29, i / 29, 1}), 8});
  const OwnedBatch owned = batch_of(texts, llama_config());
  const CausalRows rows = labelled_rows(owned.batch, 0, texts.size(), owned.labels.data());
  EXPECT_LE(rows.rows(), 200 * 2 + 8 * 6);
  EXPECT_EQ(std::set<size_t>(rows.label_sequences.begin(), rows.label_sequences.end()).size(), 200u);
}

/// Text `i` alone.
OwnedBatch alone(const std::vector<Text>& texts, size_t i, const CausalConfig& config, int64_t adapters) {
  return batch_of({texts[i]}, config, adapters);
}

/// Every attention that models have: grouped queries, norms of heads, windows.
std::vector<CausalConfig> configs() {
  CausalConfig single = llama_config();
  single.kv_heads = 4;
  single.windows = {7, 2, 30};
  return {llama_config(), rich_config(), single};
}

void expect_the_same_likelihoods(const DeviceChoice& device) {
  for (const CausalConfig& config : configs()) {
    CausalLanguageModel model(config, device);
    randomise(model);
    const std::vector<Text> texts = many_texts();
    const OwnedBatch together = batch_of(texts, config, 2);
    Job job;
    const std::vector<SequenceLikelihood> sums = model.log_likelihoods(together.batch, together.labels.data(), job);
    for (size_t i = 0; i < texts.size(); ++i) {
      const OwnedBatch own = alone(texts, i, config, 2);
      const SequenceLikelihood wanted = model.log_likelihoods(own.batch, own.labels.data(), job)[0];
      EXPECT_EQ(sums[i].sum, wanted.sum) << i;
      EXPECT_EQ(sums[i].count, wanted.count) << i;
      EXPECT_EQ(sums[i].predictions, wanted.predictions) << i;
    }
    EXPECT_EQ(sums[8].count, 0);
  }
}

void add(std::vector<float>& sum, const std::vector<float>& values) {
  for (size_t i = 0; i < sum.size(); ++i) sum[i] += values[i];
}

void expect_the_same_gradients(const DeviceChoice& device, double tolerance = 1e-5) {
  for (const CausalConfig& config : configs()) {
    CausalLanguageModel model(config, device);
    randomise(model);
    const std::vector<Text> texts = many_texts();
    const auto together = adapter_gradients_of(model, batch_of(texts, config, 2));
    std::vector<std::vector<float>> sums(2, std::vector<float>(together[0].size()));
    for (size_t i = 0; i < texts.size(); ++i) {
      const auto own = adapter_gradients_of(model, alone(texts, i, config, 2));
      for (size_t adapter = 0; adapter < 2; ++adapter) add(sums[adapter], own[adapter]);
    }
    for (size_t adapter = 0; adapter < 2; ++adapter) {
      EXPECT_LE(relative_error(together[adapter], sums[adapter]), tolerance) << adapter;
    }
  }
}

TEST(CausalPrefix, changes_no_byte_of_a_likelihood) {
  expect_the_same_likelihoods(naive_device());
  expect_the_same_likelihoods(2);
}

TEST(CausalPrefix, leaves_the_gradient_of_adapters_as_it_is) {
  expect_the_same_gradients(naive_device());
  expect_the_same_gradients(2);
}

class CausalPrefixBfloat16 : public Bfloat16Suite {};

TEST_F(CausalPrefixBfloat16, changes_no_byte_of_a_likelihood_and_rounds_sums_of_gradients) {
  const DeviceChoice device = {cpu_backend(), {.threads = 2, .precision = kDndBfloat16}};
  expect_the_same_likelihoods(device);
  // The gradients of a row that sequences share are added before they are rounded, without sharing after.
  expect_the_same_gradients(device, 5e-3);
}

std::vector<std::vector<float>> gradients_of(const CausalTrainer& trainer) {
  std::vector<std::vector<float>> gradients;
  for (const ParameterInfo& info : trainer.parameters()) {
    const float* const gradient = trainer.gradient(info.name);
    gradients.emplace_back(gradient, gradient + info.elements());
  }
  return gradients;
}

TEST(CausalPrefix, leaves_the_gradient_of_a_trainer_as_it_is) {
  for (const CausalConfig& config : configs()) {
    for (const bool lora : {true, false}) {
      CausalLanguageModel model(config, 2);
      randomise(model);
      CausalTrainerConfig options;
      if (lora) options = {.lora = whole_shape(config), .scale = 0.7f};
      CausalTrainer trainer(model.model(), options, 2), one(model.model(), options, 2);
      const std::vector<Text> texts = many_texts();
      const OwnedBatch owned = batch_of(texts, config);
      Job job;
      for (CausalTrainer* each : {&trainer, &one}) {
        if (!lora) continue;
        for (const ParameterInfo& info : each->parameters()) {
          std::vector<float> values = random_values(info.elements(), static_cast<uint32_t>(info.name.size()));
          for (float& value : values) value *= 0.4f;
          std::copy(values.begin(), values.end(), each->parameter(info.name));
        }
      }
      const auto sums = trainer.accumulate(owned.batch, owned.labels.data(), 0.25, job);
      for (size_t i = 0; i < texts.size(); ++i) {
        const OwnedBatch own = alone(texts, i, config, 0);
        EXPECT_EQ(one.accumulate(own.batch, own.labels.data(), 0.25, job)[0].sum, sums[i].sum);
      }
      const auto together = gradients_of(trainer), added = gradients_of(one);
      for (size_t i = 0; i < together.size(); ++i) {
        EXPECT_LE(relative_error(together[i], added[i]), 2e-5) << trainer.parameters()[i].name;
      }
    }
  }
}

TEST(CausalPrefix, gives_the_same_bytes_with_any_threads_and_memory) {
  const CausalConfig config = rich_config();
  const OwnedBatch owned = batch_of(many_texts(), config, 2);
  std::vector<std::vector<std::vector<float>>> results;
  std::set<int64_t> saved;
  for (const auto& [threads, share] : std::vector<std::pair<int, double>>{{1, 1}, {2, 1}, {3, 0.6}, {2, 0}}) {
    CausalLanguageModel model(config, threads);
    randomise(model);
    const auto memory = [&](int64_t limit) {
      return adapter_gradient_memory(model.runtime(), owned.batch, owned.labels.data(), limit);
    };
    const int64_t least = memory(0).activations, most = memory(INT64_MAX).activations;
    const int64_t limit = least + static_cast<int64_t>(share * static_cast<double>(most - least));
    EXPECT_LE(memory(limit).activations, limit);
    saved.insert(memory(limit).saved_layers);
    results.push_back(adapter_gradients_of(model, owned, limit));
    EXPECT_THROW(adapter_gradients_of(model, owned, least - 1), Error);
  }
  EXPECT_EQ(saved.size(), 3u);
  for (const auto& result : results) EXPECT_EQ(result, results[0]);
}

/// The same texts; `shared`: with one adapter, else each with its own.
OwnedBatch sixteen_texts(const CausalConfig& config, bool shared) {
  std::vector<Text> texts;
  for (int32_t i = 0; i < 16; ++i) texts.push_back({joined(joined(kSystem, kOther), {i, 1, 2}), 15, shared ? 0 : i});
  return batch_of(texts, config, 16);
}

TEST(CausalPrefix, takes_the_memory_that_is_counted_and_less_than_without) {
  const CausalConfig config = rich_config();
  CausalLanguageModel model(config, 1);
  randomise(model);
  std::vector<int64_t> bytes;
  for (const bool shared : {true, false}) {
    const OwnedBatch owned = sixteen_texts(config, shared);
    const CausalRows rows = labelled_rows(owned.batch, 0, 16, owned.labels.data());
    LoraOperands lora = *operands_of(owned.batch.lora);
    std::vector<std::vector<float>> gradients(16, std::vector<float>(static_cast<size_t>(lora.layout->elements())));
    for (std::vector<float>& gradient : gradients) lora.gradients.push_back(gradient.data());
    Job job;
    model.runtime().prepare(24, job);
    const DndControl control = {nullptr, [](void*) -> int32_t { return 0; }, nullptr};
    std::vector<double> losses(rows.outputs.size());
    const auto steps = [&](const PassContext& context) {
      CausalTrainingPass(model.runtime(), rows, &lora, {}, 2, context).run(1, losses.data());
      return context.memory.block_bytes();
    };
    int64_t used = 0;
    model.runtime().run(1, &control, steps, [&](int64_t block) { used = block; });
    EXPECT_EQ(used, CausalRuntime::counted_bytes(steps));
    bytes.push_back(used);
  }
  EXPECT_LT(static_cast<double>(bytes[0]), 0.7 * static_cast<double>(bytes[1]));
}

TEST(CausalPrefix, of_sequences_without_labels_needs_hardly_any_memory) {
  const CausalConfig config = rich_config();
  CausalLanguageModel model(config, 1);
  randomise(model);
  OwnedBatch owned = sixteen_texts(config, true);
  const auto memory = [&] {
    return adapter_gradient_memory(model.runtime(), owned.batch, owned.labels.data(), INT64_MAX).activations;
  };
  const int64_t labelled = memory(), likelihoods = model.workspace_bytes(owned.batch, owned.labels.data());
  std::fill(owned.labels.begin(), owned.labels.end(), kIgnoredLabel);
  EXPECT_LT(memory(), labelled / 4);
  EXPECT_LT(model.workspace_bytes(owned.batch, owned.labels.data()), likelihoods);
}

}  // namespace
}  // namespace dnd
