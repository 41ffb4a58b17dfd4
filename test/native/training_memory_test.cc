#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "model/training/trainer.h"
#include "model/training/training_plan.h"
#include "published_decoders.h"
#include "random_decoder.h"
#include "random_values.h"
#include "trainer_work.h"
#include "training_device.h"

namespace dnd {
namespace {

using test::accumulate;
using test::batch_of;
using test::random_task;
using test::random_values;
using test::randomise;
using test::RandomTask;
using test::TrainingDevice;

const DecoderConfig kLayers = {{{30, 20, 24}, {40, 20, 24}, {40, 20, 24}, {50, 16, 20}}, 3};
const DecoderConfig kProjected = {{{30, 20, 24}, {40, 18, 26}, {50, 16, 20}}, 3, 60};

std::vector<std::vector<float>> gradients_of(Trainer& trainer, const RandomTask& task, int64_t limit) {
  std::vector<DndTokenSums> sums(task.batch);
  Job job;
  trainer.reset_gradient();
  trainer.accumulate({.condition = task.condition.data(),
                      .target = task.target.data(),
                      .importance = task.importance.data(),
                      .batch = task.batch},
                     sums.data(), job, limit);
  EXPECT_EQ(job.progress(), 1.0);
  std::vector<std::vector<float>> gradients;
  for (const ParameterInfo& info : trainer.parameters()) {
    const float* values = trainer.gradient(info.name);
    gradients.emplace_back(values, values + info.elements());
  }
  return gradients;
}

/// The limit decides how many layers are saved and the workspace of convolutions; only the latter changes results.
TEST(TrainingMemory, decides_which_layers_are_recomputed_but_not_the_result) {
  for (const DecoderConfig& config : {kLayers, kProjected}) {
    Trainer trainer({config}, 2);
    randomise(trainer);
    const RandomTask task = random_task(config, 3, 7);
    const int64_t least = trainer.memory(3, 0).total(), all = trainer.memory(3).total();
    // by_limit[convolution limit][saved layers] = gradients
    std::map<int64_t, std::map<int64_t, std::vector<std::vector<float>>>> by_limit;
    for (int64_t limit = least; limit < 2 * all; limit += least / 50) {
      const TrainingMemory memory = trainer.memory(3, limit);
      ASSERT_LE(memory.total(), limit);
      auto& saved = by_limit[memory.convolution_limit];
      if (!saved.contains(memory.saved_layers)) saved[memory.saved_layers] = gradients_of(trainer, task, limit);
    }
    size_t most = 0;
    for (const auto& [limit, saved] : by_limit) {
      most = std::max(most, saved.size());
      for (const auto& [layers, gradients] : saved) EXPECT_EQ(gradients, saved.begin()->second) << layers << " layers";
    }
    EXPECT_GE(most, 2u) << "no two limits differed in the saved layers alone";
  }
}

TEST(TrainingMemory, equals_what_is_allocated) {
  for (const DecoderConfig& config : {kLayers, kProjected}) {
    TrainingDevice device;
    Trainer trainer({config}, device.choice());
    randomise(trainer);
    const RandomTask task = random_task(config, 2, 7);
    std::set<int64_t> saved;
    const int64_t least = trainer.memory(2, 0).total();
    for (const int64_t limit : {least, least + (int64_t{1} << 20), least * 3 / 2, INT64_MAX}) {
      const TrainingMemory memory = trainer.memory(2, limit);
      saved.insert(memory.saved_layers);
      device.peak_allocated = 0;
      gradients_of(trainer, task, limit);
      EXPECT_EQ(device.peak_allocated, memory.activations);
      EXPECT_EQ(memory.gradients, trainer.parameter_bytes());
      EXPECT_EQ(memory.states, trainer.state_bytes());
    }
    EXPECT_EQ(*saved.rbegin(), static_cast<int64_t>(config.features.size()) - 1);
    EXPECT_GE(saved.size(), 2u);
  }
}

TEST(TrainingMemory, of_an_output_gradient_beside_a_target_equals_what_is_allocated) {
  TrainingDevice device;
  Trainer trainer({kLayers}, device.choice());
  randomise(trainer);
  const RandomTask task = random_task(kLayers, 2, 7);
  TrainingBatch batch = batch_of(task);
  const std::vector<float> gradient = random_values(static_cast<int64_t>(task.target.size()), 5);
  batch.output_gradient = gradient.data();
  const TrainingMemory memory = trainer.memory(2, INT64_MAX, true);
  device.peak_allocated = 0;
  accumulate(trainer, batch);
  EXPECT_EQ(device.peak_allocated, memory.activations);
  EXPECT_GT(memory.activations, trainer.memory(2).activations);
}

TEST(TrainingMemory, stays_for_the_next_step_unless_an_evaluation_needs_it) {
  Trainer trainer({kLayers}, 2);
  randomise(trainer);
  const RandomTask task = random_task(kLayers, 2, 7);
  const TrainingMemory memory = trainer.memory(2);
  const auto used = [&] { return trainer.device_memory().used; };
  const auto evaluate = [&](int64_t limit) {
    std::vector<float> tokens(task.target.size());
    Job job;
    trainer.forward(task.condition.data(), 2, tokens.data(), job, limit);
  };
  EXPECT_EQ(used(), 0);
  const auto first = gradients_of(trainer, task, INT64_MAX);
  EXPECT_NEAR(used(), memory.activations, 256);
  evaluate(INT64_MAX);
  EXPECT_NEAR(used(), memory.activations, 256);
  evaluate(memory.total());
  EXPECT_EQ(used(), 0);
  EXPECT_EQ(gradients_of(trainer, task, INT64_MAX), first);
  const int64_t enough = trainer.memory(2, 0).total();
  gradients_of(trainer, task, enough);
  EXPECT_NEAR(used(), trainer.memory(2, enough).activations, 256);
  EXPECT_LT(used(), memory.activations);
}

/// Progress is measured by it.
TEST(TrainingPlan, counts_the_work_that_operations_report) {
  for (DecoderConfig config : {kLayers, kProjected}) {
    for (const DndAlgorithm algorithm : {kDndDirect, kDndSpectral}) {
      config.algorithm = algorithm;
      TrainingDevice device;
      Trainer trainer({config}, device.choice());
      randomise(trainer);
      const RandomTask task = random_task(config, 2, 7);
      const DecoderModel model(config, 2);
      const int64_t lasting = 2 * trainer.parameter_bytes() + trainer.state_bytes();
      for (const int64_t limit : {trainer.memory(2, 0).total(), INT64_MAX}) {
        device.multiply_adds = 0;
        gradients_of(trainer, task, limit);
        const double expected = multiply_adds_of(model, plan_training_pass(model, 2, limit - lasting, false));
        EXPECT_NEAR(device.multiply_adds, expected, 1e-6 * expected) << algorithm << " in " << limit;
      }
    }
  }
}

TEST(TrainingMemory, rejects_a_limit_that_is_too_low_and_reports_a_sufficient_one) {
  Trainer trainer({kLayers}, 2);
  randomise(trainer);
  const RandomTask task = random_task(kLayers, 2, 7);
  for (const int64_t too_little : {int64_t{0}, int64_t{1'000'000}, trainer.parameter_bytes() * 4}) {
    const int64_t enough = trainer.memory(2, too_little).total();
    EXPECT_GT(enough, too_little);
    EXPECT_LE(trainer.memory(2, enough).total(), enough);
    try {
      gradients_of(trainer, task, too_little);
      ADD_FAILURE() << too_little << " bytes were enough";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kOutOfMemory);
      const std::string message = error.what();
      EXPECT_NE(message.find("needs " + std::to_string(enough)), std::string::npos) << message;
      EXPECT_NE(message.find(std::to_string(too_little) + " are allowed"), std::string::npos) << message;
    }
    gradients_of(trainer, task, enough);
  }
}

TEST(TrainingMemory, of_an_evaluation_is_bounded_too) {
  Trainer trainer({kLayers}, 2);
  randomise(trainer);
  const RandomTask task = random_task(kLayers, 2, 7);
  std::vector<float> tokens(task.target.size());
  const auto evaluate = [&](int64_t limit) {
    Job job;
    trainer.forward(task.condition.data(), 2, tokens.data(), job, limit);
  };
  try {
    evaluate(1000);
    FAIL() << "1000 bytes were enough";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kOutOfMemory);
    const std::string message = error.what(), words = "needs ";
    const int64_t enough = std::stoll(message.substr(message.find(words) + words.size()));
    evaluate(enough);
  }
  EXPECT_NE(tokens, std::vector<float>(tokens.size()));
}

/// Batch 1 within 20 GB, with 8-bit moments. The memory is not touched here.
TEST(TrainingMemory, of_the_published_decoder_of_half_a_billion_weights_is_below_twenty_gigabytes) {
  constexpr int64_t kLimit = 20'000'000'000;
  const PublishedDecoder& half = published_decoders()[0];
  const DecoderConfig config{half.features, static_cast<int>(half.kernel)};
  const Trainer trainer({config, {.moments = MomentType::kEightBit}}, 2);
  const TrainingMemory free = trainer.memory(1), limited = trainer.memory(1, kLimit);
  EXPECT_LE(limited.total(), kLimit);
  EXPECT_EQ(limited.saved_layers, 8);
  EXPECT_EQ(limited.convolution_limit, free.convolution_limit);
  EXPECT_GT(limited.parameters, int64_t{4'400'000'000});
  EXPECT_LE(limited.states, limited.parameters * 2 * 3 / 10);  // 30 % of float32 moments
  const TrainingMemory least = trainer.memory(1, 0);
  EXPECT_LT(least.total(), int64_t{13'500'000'000});
  EXPECT_EQ(least.saved_layers, 0);
}

}  // namespace
}  // namespace dnd
