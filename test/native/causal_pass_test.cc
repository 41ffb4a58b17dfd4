#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "causal_models.h"
#include "model/language/labelled_rows.h"

namespace dnd {
namespace {

using namespace test;

TEST(CausalPass, with_the_kernels_of_the_cpu_agrees_with_the_naive_operations) {
  for (const CausalConfig& config : {llama_config(), rich_config()}) {
    CausalLanguageModel naive(config, naive_device()), model(config, 2);
    randomise(naive);
    randomise(model);
    OwnedBatch owned = random_batch(config, {7, 1, 12});
    EXPECT_LT(relative_error(logits_of(model, owned.batch), logits_of(naive, owned.batch)), 2e-6);
    add_adapters(owned, config, whole_shape(config), 2, {1, -1, 0});
    EXPECT_LT(relative_error(logits_of(model, owned.batch), logits_of(naive, owned.batch)), 2e-6);
  }
}

TEST(CausalPass, gives_a_sequence_the_same_bytes_whatever_else_is_in_the_batch) {
  for (const CausalConfig& config : {llama_config(), rich_config()}) {
    CausalLanguageModel model(config, 2);
    randomise(model);
    OwnedBatch together = random_batch(config, {5, 9, 1, 24});
    add_adapters(together, config, whole_shape(config), 2, {1, 1, -1, 0});
    const std::vector<float> logits = logits_of(model, together.batch);
    int64_t first = 0;
    for (size_t i = 0; i < together.batch.lengths.size(); ++i) {
      const int64_t length = together.batch.lengths[i];
      CausalBatch alone = {.ids = together.ids.data() + first, .lengths = {length}, .lora = together.batch.lora};
      alone.lora->adapter_of = {together.batch.lora->adapter_of[i]};
      const auto begin = logits.begin() + first * config.vocab_size;
      EXPECT_EQ(logits_of(model, alone), std::vector<float>(begin, begin + length * config.vocab_size)) << i;
      first += length;
    }
  }
}

TEST(CausalPass, does_not_depend_on_the_number_of_threads) {
  const CausalConfig config = rich_config();
  std::vector<std::vector<float>> logits;
  for (const int threads : {1, 2, 3}) {
    CausalLanguageModel model(config, threads);
    randomise(model);
    OwnedBatch owned = random_batch(config, {20, 3, 11});
    add_adapters(owned, config, whole_shape(config), 1, {0, -1, 0});
    logits.push_back(logits_of(model, owned.batch));
  }
  EXPECT_EQ(logits[0], logits[1]);
  EXPECT_EQ(logits[0], logits[2]);
}

TEST(CausalPass, of_a_position_does_not_see_later_ones) {
  const CausalConfig config = llama_config();
  CausalLanguageModel model(config, 1);
  randomise(model);
  OwnedBatch owned = random_batch(config, {8});
  const std::vector<float> before = logits_of(model, owned.batch);
  owned.ids[5] = (owned.ids[5] + 1) % 29;
  const std::vector<float> after = logits_of(model, owned.batch);
  EXPECT_TRUE(std::equal(before.begin(), before.begin() + 5 * 29, after.begin()));
  EXPECT_FALSE(std::equal(before.begin() + 5 * 29, before.end(), after.begin() + 5 * 29));
}

TEST(CausalPass, of_windows_forgets_what_no_layer_sees_any_more) {
  CausalConfig config = llama_config();
  config.windows = {3, 2, 4};  // a position sees 2 + 1 + 3 = 6 positions back
  CausalLanguageModel model(config, 1);
  randomise(model);
  OwnedBatch owned = random_batch(config, {12});
  const std::vector<float> before = logits_of(model, owned.batch);
  owned.ids[0] = (owned.ids[0] + 1) % 29;
  const std::vector<float> after = logits_of(model, owned.batch);
  EXPECT_FALSE(std::equal(before.begin() + 6 * 29, before.begin() + 7 * 29, after.begin() + 6 * 29));
  EXPECT_TRUE(std::equal(before.begin() + 7 * 29, before.end(), after.begin() + 7 * 29));
}

TEST(CausalPass, gives_likelihoods_that_are_those_of_the_logits) {
  const CausalConfig config = rich_config();
  CausalLanguageModel model(config, 2);
  randomise(model);
  const OwnedBatch owned = random_batch(config, {7, 1, 12});
  Job job;
  const std::vector<SequenceLikelihood> sums = model.log_likelihoods(owned.batch, owned.labels.data(), job);
  EXPECT_EQ(job.progress(), 1.0);
  const std::vector<float> logits = logits_of(model, owned.batch);
  int64_t first = 0;
  for (size_t i = 0; i < sums.size(); ++i) {
    double sum = 0;
    std::vector<int32_t> most_likely;
    for (int64_t row = first + 1; row < first + owned.batch.lengths[i]; ++row) {
      if (owned.labels[size_t(row)] == kIgnoredLabel) continue;
      const float* const before = logits.data() + (row - 1) * config.vocab_size;
      double total = 0;
      for (int64_t id = 0; id < config.vocab_size; ++id) total += std::exp(double(before[id]));
      sum += before[owned.labels[size_t(row)]] - std::log(total);
      most_likely.push_back(int32_t(std::max_element(before, before + config.vocab_size) - before));
    }
    EXPECT_EQ(sums[i].count, int64_t(most_likely.size()));
    EXPECT_EQ(sums[i].predictions, most_likely);
    EXPECT_NEAR(sums[i].sum, sum, 1e-4);
    first += owned.batch.lengths[i];
  }
  EXPECT_EQ(sums[1].count, 0);
}

/// Labels at these tokens only.
void label_only(OwnedBatch& owned, const std::vector<size_t>& tokens) {
  std::fill(owned.labels.begin(), owned.labels.end(), kIgnoredLabel);
  for (const size_t token : tokens) owned.labels[token] = owned.ids[token];
}

TEST(CausalPass, gives_likelihoods_of_few_labels_with_the_adapter_of_each_sequence) {
  for (const CausalConfig& config : {llama_config(), rich_config()}) {
    CausalLanguageModel model(config, 2);
    randomise(model);
    OwnedBatch owned = random_batch(config, {7, 5, 3, 6, 4});
    add_adapters(owned, config, whole_shape(config), 3, {2, 0, -1, 1, 2});
    label_only(owned, {3, 5, 13, 17, 22, 23});  // none of sequence 1, the only one of adapter 0
    Job job;
    const std::vector<SequenceLikelihood> sums = model.log_likelihoods(owned.batch, owned.labels.data(), job);
    const std::vector<float> logits = logits_of(model, owned.batch);
    std::vector<SequenceLikelihood> wanted(5);
    for (size_t token = 0, sequence = 0, first = 0; token < owned.ids.size(); ++token) {
      if (token == first + size_t(owned.batch.lengths[sequence])) first += size_t(owned.batch.lengths[sequence++]);
      if (owned.labels[token] == kIgnoredLabel) continue;
      const float* const before = logits.data() + int64_t(token - 1) * config.vocab_size;
      double total = 0;
      for (int64_t id = 0; id < config.vocab_size; ++id) total += std::exp(double(before[id]));
      wanted[sequence].sum += before[owned.labels[token]] - std::log(total);
      wanted[sequence].predictions.push_back(int32_t(std::max_element(before, before + config.vocab_size) - before));
      ++wanted[sequence].count;
    }
    for (size_t i = 0; i < sums.size(); ++i) {
      EXPECT_EQ(sums[i].count, wanted[i].count) << i;
      EXPECT_EQ(sums[i].predictions, wanted[i].predictions) << i;
      EXPECT_NEAR(sums[i].sum, wanted[i].sum, 1e-4) << i;
    }
  }
}

TEST(CausalPass, gathers_the_rows_of_each_adapter) {
  OwnedBatch owned = random_batch(llama_config(), {4, 3, 2, 5, 3});
  add_adapters(owned, llama_config(), whole_shape(llama_config()), 2, {-1, 0, 1, -1, 1});
  label_only(owned, {2, 3, 5, 11, 12, 15, 16});
  const CausalRows rows = labelled_rows(owned.batch, 0, 5, owned.labels.data());
  // By adapters, of one by ids, up to the last label.
  ASSERT_EQ(rows.positions, (std::vector<int32_t>{0, 1, 2, 0, 1, 2, 0, 0, 1}));
  ASSERT_EQ(rows.outputs, (std::vector<int32_t>{1, 2, 4, 5, 6, 7, 8}));
  EXPECT_EQ(rows.label_sequences, (std::vector<size_t>{3, 3, 0, 0, 1, 4, 4}));
  EXPECT_TRUE(rows.has_other_rows());
  const std::vector<CausalRows::Group> groups = rows.output_groups();
  const std::vector<std::vector<int64_t>> wanted = {{4, 1, 0}, {5, 2, 1}};
  ASSERT_EQ(groups.size(), wanted.size());
  for (size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_EQ((std::vector<int64_t>{groups[i].first_row, groups[i].rows, groups[i].adapter}), wanted[i]) << i;
  }
}

/// A device may record a pass and run it again where the key is the same.
TEST(CausalPass, has_another_key_where_adapters_have_other_outputs) {
  OwnedBatch owned = random_batch(llama_config(), {4, 4});
  add_adapters(owned, llama_config(), whole_shape(llama_config()), 2, {0, 1});
  const auto key_of = [&](const std::vector<size_t>& labels) {
    label_only(owned, labels);
    return rows_key(1, labelled_rows(owned.batch, 0, 2, owned.labels.data()));
  };
  EXPECT_EQ(key_of({1, 3, 7}), key_of({2, 3, 7}));
  EXPECT_NE(key_of({1, 3, 7}), key_of({3, 5, 7}));
}

TEST(CausalPass, hidden_states_of_a_layer_lead_to_the_logits) {
  const CausalConfig config = llama_config();
  CausalLanguageModel model(config, 1);
  randomise(model);
  const OwnedBatch owned = random_batch(config, {6});
  std::vector<float> states(6 * 12);
  Job job;
  model.hidden_states(owned.batch, 3, states.data(), job);
  const float* const head = std::as_const(model).parameter("lm_head.weight");
  double first = 0;
  for (int64_t i = 0; i < 12; ++i) first += double(states[size_t(i)]) * head[i];
  EXPECT_NEAR(logits_of(model, owned.batch)[0], first, 1e-5);
  EXPECT_THROW(model.hidden_states(owned.batch, 4, states.data(), job), Error);
  EXPECT_THROW(model.hidden_states(owned.batch, 0, states.data(), job), Error);
}

std::string refusal(CausalLanguageModel& model, const CausalBatch& batch) {
  std::vector<float> logits(static_cast<size_t>(batch.tokens() * model.config().vocab_size));
  Job job;
  try {
    model.logits(batch, logits.data(), job);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(CausalPass, refuses_what_the_model_cannot_read) {
  const CausalConfig config = llama_config();
  CausalLanguageModel model(config, 1);
  randomise(model);
  OwnedBatch owned = random_batch(config, {4, 5});
  owned.ids[6] = 29;
  EXPECT_EQ(refusal(model, owned.batch),
            "token id 29 of sequence 1 at position 2 is outside the language model's vocabulary of 29");
  EXPECT_NE(refusal(model, random_batch(config, {25}).batch).find("25 tokens; it must have 1 to 24"), std::string::npos);
  OwnedBatch adapted = random_batch(config, {4});
  add_adapters(adapted, config, whole_shape(config), 1, {1});
  EXPECT_NE(refusal(model, adapted.batch).find("there is no adapter 1"), std::string::npos);
}

TEST(CausalPass, refuses_sizes_that_do_not_fit_together) {
  const auto refused = [](auto change) {
    CausalConfig config = llama_config();
    change(config);
    EXPECT_THROW(CausalLanguageModel(config, 1), Error);
  };
  refused([](CausalConfig& c) { c.kv_heads = 3; });
  refused([](CausalConfig& c) { c.head_width = 5; });
  refused([](CausalConfig& c) { c.windows = {0, 0}; });
  refused([](CausalConfig& c) { c.inverse_frequencies.pop_back(); });
  refused([](CausalConfig& c) { c.vocab_size = 0; });
  EXPECT_THROW(LoraLayout(llama_config(), {.rank = 2, .modules = {Module::kKey, Module::kQuery}, .layers = {0}}), Error);
  EXPECT_THROW(LoraLayout(llama_config(), {.rank = 2, .modules = {Module::kKey}, .layers = {3}}), Error);
  EXPECT_THROW(LoraLayout(llama_config(), {.rank = 0, .modules = {Module::kKey}, .layers = {0}}), Error);
}

TEST(CausalPass, stops_when_it_is_cancelled) {
  CausalLanguageModel model(llama_config(), 1);
  randomise(model);
  const OwnedBatch owned = random_batch(model.config(), {4});
  std::vector<float> logits(4 * 29);
  Job job;
  job.cancel();
  try {
    model.logits(owned.batch, logits.data(), job);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kAborted);
  }
}

}  // namespace
}  // namespace dnd
