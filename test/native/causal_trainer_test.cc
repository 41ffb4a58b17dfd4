#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "causal_models.h"
#include "model/language/labelled_rows.h"
#include "model/language/training/pass.h"

namespace dnd {
namespace {

using namespace test;

const OptimiserOptions kAdamW = {.beta1 = 0.9, .beta2 = 0.99, .eps = 1e-8, .weight_decay = 0.01, .max_gradient_norm = 1};

CausalTrainerConfig lora_config(const CausalConfig& config) {
  return {.lora = whole_shape(config), .scale = 0.7f, .optimiser = kAdamW};
}

void step(CausalTrainer& trainer, const OwnedBatch& owned, int64_t limit = INT64_MAX) {
  Job job;
  trainer.accumulate(owned.batch, owned.labels.data(), 0.1, job, limit);
  trainer.update(0.01, job);
}

std::vector<std::vector<float>> values_of(const CausalTrainer& trainer) {
  std::vector<std::vector<float>> values;
  for (const ParameterInfo& info : trainer.parameters()) {
    const float* const found = trainer.parameter(info.name);
    values.emplace_back(found, found + info.elements());
  }
  return values;
}

TEST(CausalTrainer, learns_a_batch_by_heart) {
  for (const bool lora : {true, false}) {
    CausalLanguageModel model(rich_config(), 2);
    randomise(model);
    const OwnedBatch owned = random_batch(model.config(), {9, 6});
    CausalTrainerConfig config = {.lora = std::nullopt, .optimiser = kAdamW};
    if (lora) config = lora_config(model.config());
    CausalTrainer trainer(model.model(), config, 2);
    Job job;
    if (lora) trainer.initialise(5, job);
    const double before = sum_of(trainer.accumulate(owned.batch, owned.labels.data(), 0.1, job));
    trainer.reset_gradient();
    for (int i = 0; i < 60; ++i) step(trainer, owned);
    EXPECT_EQ(trainer.step(), 60);
    const double after = sum_of(trainer.accumulate(owned.batch, owned.labels.data(), 0.1, job));
    EXPECT_GT(after, 0.3 * before) << (lora ? "an adapter" : "every parameter");
    if (lora) continue;
    EXPECT_NEAR(sum_of(model.log_likelihoods(owned.batch, owned.labels.data(), job)), after, 1e-4);
  }
}

TEST(CausalTrainer, begins_with_an_adapter_that_changes_nothing) {
  CausalLanguageModel model(llama_config(), 1);
  randomise(model);
  const OwnedBatch owned = random_batch(model.config(), {9});
  CausalTrainer trainer(model.model(), lora_config(model.config()), 1);
  Job job;
  trainer.initialise(5, job);
  const float* const a = std::as_const(trainer).parameter("base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight");
  EXPECT_TRUE(std::all_of(a, a + 24, [](float value) { return value != 0 && std::fabs(value) <= 0.28868f; }));
  EXPECT_EQ(sum_of(trainer.accumulate(owned.batch, owned.labels.data(), 1, job)),
            sum_of(model.log_likelihoods(owned.batch, owned.labels.data(), job)));
}

TEST(CausalTrainer, has_the_gradient_of_an_adapter_in_a_batch) {
  CausalLanguageModel model(rich_config(), 2);
  randomise(model);
  OwnedBatch owned = random_batch(model.config(), {9, 6});
  CausalTrainer trainer(model.model(), lora_config(model.config()), 2);
  Job job;
  trainer.initialise(5, job);
  step(trainer, owned);
  trainer.accumulate(owned.batch, owned.labels.data(), 0.25, job);
  const int64_t count = LoraLayout(model.config(), whole_shape(model.config())).elements();
  const float* const gradient = trainer.gradient(trainer.parameters()[0].name);
  const std::vector<float> ours(gradient, gradient + count);
  add_adapters(owned, model.config(), whole_shape(model.config()), 1, {0, 0});
  const float* const adapter = std::as_const(trainer).parameter(trainer.parameters()[0].name);
  owned.batch.lora->adapters = {adapter};
  EXPECT_EQ(adapter_gradients_of(model, owned)[0], ours);
}

TEST(CausalTrainer, learns_the_same_bytes_with_any_threads_and_memory) {
  for (const bool lora : {true, false}) {
    std::vector<std::vector<std::vector<float>>> results;
    std::set<int64_t> saved;
    for (const auto& [threads, share] : std::vector<std::pair<int, double>>{{1, 1}, {2, 1}, {3, 0.75}, {2, 0.4}, {2, 0}}) {
      CausalLanguageModel model(rich_config(), threads);
      randomise(model);
      const OwnedBatch owned = random_batch(model.config(), {20, 6, 11});
      CausalTrainerConfig config = {.lora = std::nullopt, .optimiser = kAdamW};
      if (lora) config = lora_config(model.config());
      CausalTrainer trainer(model.model(), config, threads);
      Job job;
      if (lora) trainer.initialise(5, job);
      const auto memory = [&](int64_t limit) { return trainer.memory(owned.batch, owned.labels.data(), limit); };
      const int64_t least = memory(0).total(), most = memory(INT64_MAX).total();
      const int64_t limit = least + static_cast<int64_t>(share * static_cast<double>(most - least));
      EXPECT_LE(memory(limit).total(), limit);
      saved.insert(memory(limit).saved_layers);
      step(trainer, owned, limit);
      step(trainer, owned, limit);
      results.push_back(values_of(trainer));
      Job refused;
      EXPECT_THROW(trainer.accumulate(owned.batch, owned.labels.data(), 1, refused, least - 1), Error);
    }
    EXPECT_GE(saved.size(), 3u);
    for (const auto& result : results) EXPECT_EQ(result, results[0]);
  }
}

TEST(CausalTrainer, needs_the_memory_that_it_counts) {
  for (const CausalConfig& config : {llama_config(), rich_config()}) {
    CausalLanguageModel model(config, 1);
    randomise(model);
    OwnedBatch owned = random_batch(config, {9, 6});
    add_adapters(owned, config, whole_shape(config), 2, {0, 1});
    const CausalRows rows = labelled_rows(owned.batch, 0, 2, owned.labels.data());
    LoraOperands lora = *operands_of(owned.batch.lora);
    std::vector<float> gradients(static_cast<size_t>(2 * lora.layout->elements()));
    lora.gradients = {gradients.data(), gradients.data() + lora.layout->elements()};
    Job job;
    model.runtime().prepare(9, job);
    const DndControl control = {nullptr, [](void*) -> int32_t { return 0; }, nullptr};
    for (const int64_t saved : {0, 1, 3}) {
      std::vector<double> losses(rows.outputs.size());
      const auto steps = [&](const PassContext& context) {
        CausalTrainingPass(model.runtime(), rows, &lora, {}, saved, context).run(1, losses.data());
        return context.memory.block_bytes();
      };
      const int64_t counted = CausalRuntime::counted_bytes(steps);
      int64_t used = 0;
      model.runtime().run(1, &control, steps, [&](int64_t bytes) { used = bytes; });
      EXPECT_EQ(used, counted) << saved;
    }
  }
}

TEST(CausalTrainer, takes_a_batch_without_labels_for_a_gradient_of_zero) {
  CausalLanguageModel model(llama_config(), 1);
  randomise(model);
  OwnedBatch owned = random_batch(model.config(), {5});
  CausalTrainer trainer(model.model(), lora_config(model.config()), 1);
  Job job;
  trainer.initialise(5, job);
  step(trainer, owned);
  std::fill(owned.labels.begin(), owned.labels.end(), kIgnoredLabel);
  EXPECT_EQ(trainer.accumulate(owned.batch, owned.labels.data(), 1, job)[0].count, 0);
  EXPECT_EQ(trainer.update(0.01, job), 0);
}

TEST(CausalTrainer, loses_the_gradient_of_a_step_that_is_cancelled) {
  CausalLanguageModel model(llama_config(), 1);
  randomise(model);
  const OwnedBatch owned = random_batch(model.config(), {5});
  CausalTrainer trainer(model.model(), lora_config(model.config()), 1);
  Job job, cancelled;
  trainer.initialise(5, job);
  trainer.accumulate(owned.batch, owned.labels.data(), 1, job);
  cancelled.cancel();
  EXPECT_THROW(trainer.accumulate(owned.batch, owned.labels.data(), 1, cancelled), Error);
  EXPECT_THROW(trainer.update(0.01, job), Error);
  step(trainer, owned);
  EXPECT_EQ(trainer.step(), 1);
}

TEST(CausalTrainer, refuses_labels_and_adapters_that_make_no_sense) {
  CausalLanguageModel model(llama_config(), 1);
  randomise(model);
  OwnedBatch owned = random_batch(model.config(), {5});
  CausalTrainer trainer(model.model(), lora_config(model.config()), 1);
  Job job;
  owned.labels[2] = 29;
  EXPECT_THROW(trainer.accumulate(owned.batch, owned.labels.data(), 1, job), Error);
  OwnedBatch adapted = random_batch(model.config(), {5});
  add_adapters(adapted, model.config(), whole_shape(model.config()), 1, {0});
  EXPECT_THROW(trainer.accumulate(adapted.batch, adapted.labels.data(), 1, job), Error);
  EXPECT_THROW(CausalTrainer(model.model(), {.lora = LoraShape{.rank = 1, .modules = {}, .layers = {0}}}, 1), Error);
}

}  // namespace
}  // namespace dnd
