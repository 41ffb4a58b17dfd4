#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "causal_models.h"

namespace dnd {
namespace {

using namespace test;

std::vector<GeneratedSequence> generated(CausalLanguageModel& model, const CausalBatch& batch,
                                         GenerationSettings settings) {
  if (settings.streams.empty()) {
    for (size_t i = 0; i < batch.lengths.size(); ++i) settings.streams.push_back(i);
  }
  Job job;
  std::vector<GeneratedSequence> sequences = model.generate(batch, settings, job);
  EXPECT_EQ(job.progress(), 1.0);
  return sequences;
}

/// By a full forward pass for every token.
std::vector<int32_t> by_full_passes(CausalLanguageModel& model, std::vector<int32_t> ids, int64_t count,
                                    std::optional<AdapterBatch> lora) {
  const size_t prompt = ids.size();
  for (int64_t i = 0; i < count; ++i) {
    const std::vector<float> logits =
        logits_of(model, {.ids = ids.data(), .lengths = {static_cast<int64_t>(ids.size())}, .lora = lora});
    const auto last = logits.end() - model.config().vocab_size;
    ids.push_back(static_cast<int32_t>(std::max_element(last, logits.end()) - last));
  }
  return {ids.begin() + static_cast<int64_t>(prompt), ids.end()};
}

TEST(CausalGeneration, equals_repeated_full_passes) {
  for (const CausalConfig& config : {llama_config(), rich_config()}) {
    CausalLanguageModel model(config, 2);
    randomise(model);
    OwnedBatch owned = random_batch(config, {5, 1, 9});
    add_adapters(owned, config, whole_shape(config), 2, {1, -1, 0});
    const auto sequences = generated(model, owned.batch, {.max_new_tokens = 10});
    int64_t first = 0;
    for (size_t i = 0; i < sequences.size(); ++i) {
      const int64_t length = owned.batch.lengths[i];
      std::optional<AdapterBatch> lora = owned.batch.lora;
      lora->adapter_of = {owned.batch.lora->adapter_of[i]};
      const std::vector<int32_t> prompt(owned.ids.begin() + first, owned.ids.begin() + first + length);
      EXPECT_EQ(sequences[i].ids, by_full_passes(model, prompt, 10, lora)) << i;
      EXPECT_FALSE(sequences[i].ended);
      first += length;
    }
  }
}

/// Every row of the first pass is the last of its prompt.
TEST(CausalGeneration, of_prompts_of_one_token_equals_repeated_full_passes) {
  CausalLanguageModel model(llama_config(), 2);
  randomise(model);
  OwnedBatch owned = random_batch(model.config(), {1, 1, 1});
  add_adapters(owned, model.config(), whole_shape(model.config()), 2, {1, -1, 0});
  const auto sequences = generated(model, owned.batch, {.max_new_tokens = 6});
  for (size_t i = 0; i < sequences.size(); ++i) {
    std::optional<AdapterBatch> lora = owned.batch.lora;
    lora->adapter_of = {owned.batch.lora->adapter_of[i]};
    EXPECT_EQ(sequences[i].ids, by_full_passes(model, {owned.ids[i]}, 6, lora)) << i;
  }
}

TEST(CausalGeneration, of_a_sequence_does_not_depend_on_the_others) {
  CausalLanguageModel model(rich_config(), 2);
  randomise(model);
  const OwnedBatch owned = random_batch(model.config(), {5, 2, 9});
  const GenerationSettings settings = {
      .max_new_tokens = 8, .sampling = {.temperature = 1.5, .seed = 4}, .streams = {70, 80, 90}};
  const auto together = generated(model, owned.batch, settings);
  GenerationSettings last = settings;
  last.streams = {90};
  const auto alone = generated(model, {.ids = owned.ids.data() + 7, .lengths = {9}}, last);
  EXPECT_EQ(alone[0].ids, together[2].ids);
  last.streams = {91};
  EXPECT_NE(generated(model, {.ids = owned.ids.data() + 7, .lengths = {9}}, last)[0].ids, together[2].ids);
}

TEST(CausalGeneration, ends_at_an_end_id_and_at_the_last_position) {
  CausalLanguageModel model(llama_config(), 1);
  randomise(model);
  const OwnedBatch owned = random_batch(model.config(), {4, 22, 24});
  const auto free = generated(model, owned.batch, {.max_new_tokens = 12});
  EXPECT_EQ(free[0].ids.size(), 12u);
  EXPECT_EQ(free[1].ids.size(), 2u);  // of 24 positions
  EXPECT_EQ(free[2].ids.size(), 0u);
  const int32_t end = free[0].ids[3];
  const size_t place = std::find(free[0].ids.begin(), free[0].ids.end(), end) - free[0].ids.begin();
  const auto ended = generated(model, owned.batch, {.max_new_tokens = 12, .end_ids = {end}});
  EXPECT_TRUE(ended[0].ended);
  EXPECT_EQ(ended[0].ids, std::vector<int32_t>(free[0].ids.begin(), free[0].ids.begin() + place));
  EXPECT_FALSE(ended[2].ended);
}

TEST(CausalGeneration, draws_tokens_with_their_probabilities) {
  const std::vector<float> logits = {0, 1, 2, -1, -INFINITY};
  const auto share_of = [&](const SamplingSettings& settings) {
    std::map<int32_t, double> shares;
    constexpr int kDraws = 20000;
    for (int i = 0; i < kDraws; ++i) shares[choose_token(logits.data(), 5, settings, 3, i)] += 1.0 / kDraws;
    return shares;
  };
  const double total = std::exp(0.0) + std::exp(1.0) + std::exp(2.0) + std::exp(-1.0);
  auto all = share_of({.temperature = 1});
  for (int32_t id = 0; id < 4; ++id) EXPECT_NEAR(all[id], std::exp(double(logits[size_t(id)])) / total, 0.012) << id;
  EXPECT_EQ(all.count(4), 0u);
  auto hot = share_of({.temperature = 2});
  EXPECT_NEAR(hot[2] / hot[1], std::exp(0.5), 0.1);
  auto two = share_of({.temperature = 1, .top_k = 2});
  EXPECT_EQ(two.size(), 2u);
  EXPECT_NEAR(two[2], std::exp(2.0) / (std::exp(2.0) + std::exp(1.0)), 0.012);
  auto nucleus = share_of({.temperature = 1, .top_p = 0.7});  // 0.64 are too few, 0.88 enough
  EXPECT_EQ(nucleus.size(), 2u);
  EXPECT_EQ(share_of({.temperature = 1, .top_p = 0.6}).size(), 1u);
  EXPECT_EQ(share_of({.temperature = 0}).begin()->first, 2);
}

TEST(CausalGeneration, prefers_the_smaller_of_equally_likely_ids) {
  const std::vector<float> logits = {1, 3, 3, 0};
  EXPECT_EQ(choose_token(logits.data(), 4, {}, 0, 0), 1);
  EXPECT_EQ(choose_token(logits.data(), 4, {.temperature = 1, .top_k = 1}, 0, 0), 1);
}

TEST(CausalGeneration, refuses_settings_that_make_no_sense) {
  CausalLanguageModel model(llama_config(), 1);
  randomise(model);
  const OwnedBatch owned = random_batch(model.config(), {4});
  const auto refused = [&](GenerationSettings settings) {
    Job job;
    EXPECT_THROW(model.generate(owned.batch, settings, job), Error);
  };
  refused({.max_new_tokens = 0, .streams = {0}});
  refused({.sampling = {.temperature = -1}, .streams = {0}});
  refused({.sampling = {.top_p = 0}, .streams = {0}});
  refused({.sampling = {.top_k = -1}, .streams = {0}});
  refused({.streams = {0, 1}});
}

TEST(CausalGeneration, stops_when_it_is_cancelled) {
  CausalLanguageModel model(llama_config(), 1);
  randomise(model);
  const OwnedBatch owned = random_batch(model.config(), {4});
  Job job;
  job.cancel();
  EXPECT_THROW(model.generate(owned.batch, {.max_new_tokens = 5, .streams = {0}}, job), Error);
}

}  // namespace
}  // namespace dnd
