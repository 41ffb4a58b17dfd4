#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "bfloat16.h"
#include "causal_models.h"
#include "core/status.h"

namespace dnd {
namespace {

using namespace test;

class CausalBfloat16 : public Bfloat16Suite {};

DeviceChoice bfloat16_device(int threads = 2) {
  return {cpu_backend(), {.threads = threads, .precision = kDndBfloat16}};
}

/// Wide enough for errors of rounding to be like those of real models.
CausalConfig wide_config() {
  CausalConfig config = rich_config();
  config.vocab_size = 301;
  config.hidden_size = 96;
  config.heads = 6;
  config.kv_heads = 2;
  config.head_width = 16;
  config.intermediate_size = 200;
  config.inverse_frequencies = frequencies(16);
  return config;
}

/// Parameters of a size at which values stay of order one.
void initialise(CausalLanguageModel& model) {
  Job job;
  model.initialise(7, 0.1, job);
}

OwnedBatch adapted_batch(const CausalConfig& config) {
  OwnedBatch owned = random_batch(config, {9, 1, 6, 14});
  add_adapters(owned, config, whole_shape(config, 4), 3, {2, -1, 0, 1});
  for (std::vector<float>& adapter : owned.adapters) {
    for (float& value : adapter) value *= 0.2f;
  }
  return owned;
}

TEST_F(CausalBfloat16, logits_and_gradients_of_adapters_are_near_those_in_float32) {
  for (const bool tied : {true, false}) {
    CausalConfig config = wide_config();
    config.tied_head = tied;
    CausalLanguageModel model(config, 2), rounded(config, bfloat16_device());
    initialise(model);
    initialise(rounded);
    const OwnedBatch owned = adapted_batch(config);
    const double error = relative_error(logits_of(rounded, owned.batch), logits_of(model, owned.batch));
    EXPECT_LE(error, 2e-2);
    EXPECT_GT(error, 1e-5) << "nothing was rounded";
    const auto expected = adapter_gradients_of(model, owned), gradients = adapter_gradients_of(rounded, owned);
    for (size_t i = 0; i < gradients.size(); ++i) {
      EXPECT_LE(relative_error(gradients[i], expected[i]), 2e-2) << i;
      EXPECT_GT(relative_error(gradients[i], expected[i]), 1e-5) << i << ": nothing was rounded";
    }
  }
}

TEST_F(CausalBfloat16, gives_the_same_bytes_for_any_number_of_threads_and_any_memory_limit) {
  const CausalConfig config = wide_config();
  const OwnedBatch owned = adapted_batch(config);
  std::vector<float> logits;
  std::vector<std::vector<float>> gradients;
  for (const int threads : {1, 2, 3}) {
    CausalLanguageModel model(config, bfloat16_device(threads));
    initialise(model);
    const std::vector<float> found = logits_of(model, owned.batch);
    const auto found_gradients = adapter_gradients_of(model, owned);
    if (threads == 1) {
      logits = found;
      gradients = found_gradients;
    }
    EXPECT_EQ(found, logits);
    EXPECT_EQ(found_gradients, gradients);
    const int64_t least =
        adapter_gradient_memory(model.runtime(), owned.batch, owned.labels.data(), 0).activations;
    EXPECT_EQ(adapter_gradients_of(model, owned, least), gradients);
  }
}

/// Decoding reads the same packed weights, so that it agrees with a pass over the whole text.
TEST_F(CausalBfloat16, generates_what_repeated_logits_say) {
  const CausalConfig config = wide_config();
  CausalLanguageModel model(config, bfloat16_device());
  initialise(model);
  OwnedBatch owned = random_batch(config, {5});
  Job job;
  const GenerationSettings settings = {.max_new_tokens = 6, .sampling = {}, .streams = {0}};
  const std::vector<int32_t> generated = model.generate(owned.batch, settings, job)[0].ids;
  ASSERT_EQ(generated.size(), 6u);
  for (const int32_t id : generated) {
    owned.batch.ids = owned.ids.data();
    const std::vector<float> logits = logits_of(model, owned.batch);
    const auto last = logits.end() - config.vocab_size;
    EXPECT_EQ(std::max_element(last, logits.end()) - last, id);
    owned.ids.push_back(id);
    owned.batch.lengths[0] += 1;
  }
}

TEST_F(CausalBfloat16, packs_weights_again_when_they_were_written) {
  const CausalConfig config = wide_config();
  CausalLanguageModel model(config, bfloat16_device()), fresh(config, bfloat16_device());
  initialise(model);
  const OwnedBatch owned = adapted_batch(config);
  logits_of(model, owned.batch);
  adapter_gradients_of(model, owned);
  for (CausalLanguageModel* each : {&model, &fresh}) {
    Job job;
    each->initialise(8, 0.1, job);
  }
  EXPECT_EQ(logits_of(model, owned.batch), logits_of(fresh, owned.batch));
  EXPECT_EQ(adapter_gradients_of(model, owned), adapter_gradients_of(fresh, owned));
}

TEST_F(CausalBfloat16, counts_the_packed_weights_and_keeps_those_of_gradients_only_when_they_are_used) {
  const CausalConfig config = wide_config();
  CausalLanguageModel model(config, bfloat16_device()), plain(config, 2);
  initialise(model);
  initialise(plain);
  const OwnedBatch owned = adapted_batch(config);
  EXPECT_EQ(model.device_memory().used, 0);
  int64_t weights = config.vocab_size * config.hidden_size;
  for (const ParameterInfo& info : model.parameters()) {
    if (info.name.find("_proj.weight") != std::string::npos) weights += info.elements();
  }
  const int32_t* const labels = owned.labels.data();
  logits_of(model, owned.batch);
  const int64_t forward = model.device_memory().used;
  EXPECT_GE(forward, 2 * weights);
  EXPECT_LE(forward, model.workspace_bytes(owned.batch, labels) - plain.workspace_bytes(owned.batch, labels));
  adapter_gradients_of(model, owned);
  const int64_t both = model.device_memory().used;
  EXPECT_GE(both, 4 * weights);
  EXPECT_LE(both, adapter_gradient_memory(model.runtime(), owned.batch, labels, INT64_MAX).activations -
                      adapter_gradient_memory(plain.runtime(), owned.batch, labels, INT64_MAX).activations);
  Job job;
  model.initialise(8, 0.1, job);
  model.prepare(job);
  EXPECT_EQ(model.device_memory().used, forward);
}

TEST_F(CausalBfloat16, trains_an_adapter_but_not_the_weights_that_it_rounds) {
  const CausalConfig config = wide_config();
  CausalLanguageModel model(config, 2);
  initialise(model);
  const OwnedBatch owned = random_batch(config, {9, 1, 6});
  CausalTrainerConfig trained;
  trained.lora = whole_shape(config, 4);
  std::vector<double> losses;
  for (const DeviceChoice& device : {DeviceChoice(2), bfloat16_device()}) {
    CausalTrainer trainer(model.model(), trained, device);
    Job job;
    trainer.initialise(3, job);
    for (int step = 0; step < 4; ++step) {
      losses.push_back(sum_of(trainer.accumulate(owned.batch, owned.labels.data(), 0.1, job)));
      trainer.update(1e-2, job);
    }
  }
  EXPECT_GT(losses[3], losses[0] * 0.95) << "float32 learnt nothing";
  EXPECT_GT(losses[7], losses[4] * 0.95) << "bfloat16 learnt nothing";
  for (int step = 0; step < 4; ++step) EXPECT_NEAR(losses[4 + step] / losses[step], 1, 1e-2) << step;
  try {
    CausalTrainer(model.model(), {}, bfloat16_device());
    FAIL() << "every parameter would be trained in bfloat16";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_NE(std::string(error.what()).find("bf16"), std::string::npos);
  }
}

/// On every other machine, and with every other instruction set.
TEST(CausalBfloat16Device, is_refused_by_name_without_the_instruction_set) {
  if (cpu::find_bfloat16_kernels(cpu::kernels()) != nullptr) GTEST_SKIP() << "this machine has avx512bf16";
  try {
    CausalLanguageModel model(rich_config(), bfloat16_device());
    FAIL() << "there is no bfloat16 beside " << cpu::kernels().name;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
    EXPECT_NE(std::string(error.what()).find("avx512bf16"), std::string::npos);
  }
}

}  // namespace
}  // namespace dnd
