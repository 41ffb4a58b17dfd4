#include "model/training/trainer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <string>
#include <vector>

#include "core/philox.h"
#include "random_decoder.h"
#include "trainer_work.h"
#include "training_device.h"

namespace dnd {
namespace {

using test::accumulate;
using test::batch_of;
using test::Bytes;
using test::failure_of;
using test::gradients;
using test::kProjected;
using test::kSmall;
using test::kWide;
using test::loss_of;
using test::norm_of;
using test::parameters;
using test::random_task;
using test::randomise;
using test::RandomTask;
using test::relative_error;
using test::TrainingDevice;
using test::update;

TEST(Trainer, gives_the_same_bytes_for_any_number_of_threads) {
  for (const DecoderConfig& config : {kSmall, kProjected, kWide}) {
    for (const MomentType moments : {MomentType::kFloat32, MomentType::kEightBit}) {
      Bytes first_gradients, first_parameters;
      for (int threads : {1, 2, 3}) {
        Trainer trainer({config, {.moments = moments}}, threads);
        randomise(trainer);
        const RandomTask task = random_task(config, 2, 7);
        TrainingBatch batch = batch_of(task);
        batch.condition_noise = 1e-2;
        batch.target_noise = 1e-3;
        accumulate(trainer, batch);
        update(trainer);
        accumulate(trainer, batch);
        if (threads == 1) {
          first_gradients = gradients(trainer);
          first_parameters = parameters(trainer);
        }
        EXPECT_EQ(gradients(trainer), first_gradients);
        EXPECT_EQ(parameters(trainer), first_parameters);
      }
    }
  }
}

TEST(Trainer, adds_the_gradients_of_a_steps_batches_by_their_weights) {
  Trainer trainer({kSmall}, 2);
  randomise(trainer);
  const RandomTask first = random_task(kSmall, 2, 1), second = random_task(kSmall, 1, 11);
  accumulate(trainer, batch_of(first));
  const Bytes of_first = gradients(trainer);
  trainer.reset_gradient();
  accumulate(trainer, batch_of(second));
  const Bytes of_second = gradients(trainer);
  trainer.reset_gradient();
  accumulate(trainer, batch_of(first, 2.0 / 3));
  accumulate(trainer, batch_of(second, 1.0 / 3));
  for (const auto& [name, sum] : gradients(trainer)) {
    std::vector<double> expected;
    for (size_t i = 0; i < sum.size(); ++i) {
      expected.push_back(of_first.at(name)[i] * 2.0 / 3 + of_second.at(name)[i] / 3.0);
    }
    EXPECT_LE(relative_error(sum, expected), 2e-6) << name;
  }
}

TEST(Trainer, gets_the_same_gradient_from_two_halves_as_from_the_whole_batch) {
  for (const DecoderConfig& config : {kSmall, kProjected}) {
    Trainer trainer({config}, 2);
    randomise(trainer);
    const RandomTask task = random_task(config, 4, 3);
    TrainingBatch whole = batch_of(task);
    whole.noise_stream = 10;
    whole.condition_noise = whole.target_noise = 1e-2;
    const std::vector<DndTokenSums> sums = accumulate(trainer, whole);
    const Bytes expected = gradients(trainer);
    trainer.reset_gradient();
    for (int64_t half : {0, 1}) {
      const RandomTask part = task.part(2 * half, 2);
      TrainingBatch batch = batch_of(part, 0.5);
      batch.noise_stream = 10 + static_cast<uint64_t>(2 * half);
      batch.condition_noise = batch.target_noise = 1e-2;
      const std::vector<DndTokenSums> part_sums = accumulate(trainer, batch);
      for (int64_t i : {0, 1}) {
        EXPECT_NEAR(part_sums[i].weighted_squares, sums[2 * half + i].weighted_squares,
                    1e-5 * sums[i].weighted_squares);
      }
    }
    for (const auto& [name, sum] : gradients(trainer)) EXPECT_LE(relative_error(sum, expected.at(name)), 3e-6) << name;
  }
}

/// The noise of an element, by its definition in backend_training.h, implemented independently.
float noise_at(uint64_t key, uint64_t stream, int64_t element, double sigma) {
  const auto words = philox({static_cast<uint32_t>(element / 4), 0, static_cast<uint32_t>(stream), 0},
                            {static_cast<uint32_t>(key), static_cast<uint32_t>(key >> 32)});
  const int64_t pair = element % 4 / 2 * 2;
  const double radius = std::sqrt(-2 * std::log((words[pair] + 0.5) / 4294967296.0));
  const double angle = 2 * 3.14159265358979323846 * ((words[pair + 1] + 0.5) / 4294967296.0);
  return static_cast<float>(sigma * radius * (element % 2 == 0 ? std::cos(angle) : std::sin(angle)));
}

/// The gradient of the token loss, given from outside, is that of the token loss; beside a target both count.
TEST(Trainer, takes_the_gradient_of_the_weight_tokens_from_outside) {
  for (const DecoderConfig& config : {kSmall, kProjected}) {
    TrainingDevice device;
    Trainer trainer({config}, device.choice());
    randomise(trainer);
    RandomTask task = random_task(config, 2, 7);
    accumulate(trainer, batch_of(task));
    const Bytes of_target = gradients(trainer);
    std::vector<float> tokens(task.target.size()), gradient(task.target.size());
    Job job;
    trainer.forward(task.condition.data(), 2, tokens.data(), job);
    const int64_t elements = config.features.back().elements(), plane = elements / config.features.back().tokens;
    double valid = 0;
    for (const float target : task.target) valid += !std::isnan(target);
    for (size_t i = 0; i < gradient.size(); ++i) {
      const size_t token = i % static_cast<size_t>(elements) / static_cast<size_t>(plane);
      const double importance = task.importance.empty() ? 1 : task.importance[token];
      const double difference = std::isnan(task.target[i]) ? 0 : tokens[i] - task.target[i];
      gradient[i] = static_cast<float>(2 * importance * difference / valid);
    }
    TrainingBatch batch = batch_of(task);
    batch.target = batch.importance = nullptr;
    batch.output_gradient = gradient.data();
    trainer.reset_gradient();
    for (const DndTokenSums& sums : accumulate(trainer, batch)) EXPECT_EQ(sums.valid + sums.output_squares, 0);
    const Bytes of_gradient = gradients(trainer);
    batch = batch_of(task, 0.5);
    batch.output_gradient = gradient.data();
    trainer.reset_gradient();
    accumulate(trainer, batch);
    for (const auto& [name, both] : gradients(trainer)) {
      EXPECT_LE(relative_error(of_gradient.at(name), of_target.at(name)), 2e-5) << name;
      std::vector<double> sum;
      for (const float value : of_target.at(name)) sum.push_back(1.5 * value);
      EXPECT_LE(relative_error(both, sum), 2e-5) << name;
    }
    EXPECT_EQ(device.misuses, std::vector<std::string>());
  }
}

TEST(Trainer, adds_each_tasks_own_noise_to_condition_and_target) {
  Trainer trainer({kSmall}, 2);
  randomise(trainer);
  const RandomTask clean = random_task(kSmall, 2, 3);
  TrainingBatch noisy = batch_of(clean);
  noisy.noise_key = 0x123456789abcdef;
  noisy.noise_stream = 40;
  noisy.condition_noise = 0.25;
  noisy.target_noise = 0.125;
  accumulate(trainer, noisy);
  const Bytes by_trainer = gradients(trainer);

  RandomTask by_hand = clean;
  const int64_t conditions = kSmall.features[0].elements(), targets = kSmall.features.back().elements();
  for (int64_t task : {0, 1}) {
    for (int64_t e = 0; e < conditions; ++e) {
      by_hand.condition[task * conditions + e] += noise_at(noisy.noise_key, 2 * (40 + task), e, 0.25);
    }
    for (int64_t e = 0; e < targets; ++e) {
      by_hand.target[task * targets + e] += noise_at(noisy.noise_key, 2 * (40 + task) + 1, e, 0.125);
    }
  }
  trainer.reset_gradient();
  accumulate(trainer, batch_of(clean));
  const Bytes without = gradients(trainer);
  trainer.reset_gradient();
  accumulate(trainer, batch_of(by_hand));
  for (const auto& [name, gradient] : gradients(trainer)) {
    EXPECT_LE(relative_error(by_trainer.at(name), gradient), 1e-5) << name;
    if (norm_of({{name, gradient}}) == 0) continue;  // a bias that a norm removes
    EXPECT_GT(relative_error(by_trainer.at(name), without.at(name)), 1e-3) << name;
  }
}

TEST(Trainer, adds_a_conditions_noise_after_the_length_projection) {
  Trainer projecting({kProjected}, 2);
  randomise(projecting);
  DecoderConfig plain = kProjected;
  plain.projected_from = 0;
  Trainer trainer({plain}, 2);
  for (const ParameterInfo& info : trainer.parameters()) {
    std::copy_n(projecting.parameter(info.name), info.elements(), trainer.parameter(info.name));
  }
  const RandomTask task = random_task(kProjected, 2, 3);
  RandomTask projected = task;
  projected.condition.resize(2 * kProjected.features[0].elements());
  Job job;
  projecting.decoder().project(task.condition.data(), 2, projected.condition.data(), job);
  TrainingBatch of_projecting = batch_of(task), of_plain = batch_of(projected);
  of_projecting.condition_noise = of_plain.condition_noise = 0.5;
  accumulate(projecting, of_projecting);
  accumulate(trainer, of_plain);
  for (const ParameterInfo& info : trainer.parameters()) {
    EXPECT_EQ(gradients(projecting).at(info.name), gradients(trainer).at(info.name)) << info.name;
  }
}

TEST(Trainer, drops_the_steps_gradient_whenever_a_batch_is_cancelled) {
  TrainingDevice device;
  Trainer trainer({kProjected}, device.choice());
  randomise(trainer);
  const RandomTask task = random_task(kProjected, 2, 3);
  std::atomic<int> asked{0};
  device.when_asked = [&] { ++asked; };
  accumulate(trainer, batch_of(task));
  const Bytes expected = gradients(trainer);
  const int all = asked;
  EXPECT_GT(all, 50);
  for (int when = 1; when < all; when += 1 + all / 20) {
    std::vector<DndTokenSums> sums(2);
    Job job;
    std::atomic<int> left{when};
    device.when_asked = [&] {
      if (--left == 0) job.cancel();
    };
    failure_of([&] { trainer.accumulate(batch_of(task), sums.data(), job); }, ErrorCode::kAborted);
    EXPECT_LT(job.progress(), 1);
    Job other;
    failure_of([&] { trainer.update(1e-3, other); }, ErrorCode::kInvalidArgument);
    device.when_asked = {};
    accumulate(trainer, batch_of(task));
    EXPECT_EQ(gradients(trainer), expected) << when;
  }
}

TEST(Trainer, forwards_with_the_parameters_of_the_last_step) {
  Trainer trainer({kProjected}, 2);
  randomise(trainer);
  const RandomTask task = random_task(kProjected, 2, 3);
  std::vector<float> tokens(task.target.size()), of_decoder(task.target.size());
  for (int step = 0; step < 2; ++step) {
    const std::vector<DndTokenSums> of_training = accumulate(trainer, batch_of(task));
    Job job;
    trainer.forward(task.condition.data(), 2, tokens.data(), job);
    EXPECT_EQ(job.progress(), 1.0);
    trainer.decoder().forward(task.condition.data(), 2, of_decoder.data(), job);
    EXPECT_EQ(tokens, of_decoder);
    for (size_t one = 0; one < 2; ++one) {
      double product = 0;
      for (size_t i = one * tokens.size() / 2; i < (one + 1) * tokens.size() / 2; ++i) {
        if (!std::isnan(task.target[i])) product += static_cast<double>(tokens[i]) * task.target[i];
      }
      EXPECT_NEAR(of_training[one].product, product, 1e-5 * std::sqrt(of_training[one].target_squares));
    }
    update(trainer, 0.05);
  }
}

TEST(Trainer, reports_every_operation_that_fails) {
  TrainingDevice device;
  Trainer trainer({kProjected, {.moments = MomentType::kEightBit}}, device.choice());
  randomise(trainer);
  const RandomTask task = random_task(kProjected, 2, 3);
  std::vector<float> tokens(task.target.size());
  const auto forward = [&] {
    Job job;
    trainer.forward(task.condition.data(), 2, tokens.data(), job);
  };
  forward();
  device.failing = device.operations;
  device.operations = 0;
  EXPECT_EQ(failure_of(forward, ErrorCode::kInternal), "it failed on purpose");
  device.failing = device.operations = 0;
  TrainingBatch batch = batch_of(task);
  batch.condition_noise = batch.target_noise = 1e-3;
  accumulate(trainer, batch);
  const int of_accumulate = device.operations;
  EXPECT_GT(of_accumulate, 40);
  const Bytes expected = gradients(trainer);
  for (int failing = 1; failing <= of_accumulate; ++failing) {
    device.operations = 0;
    device.failing = failing;
    EXPECT_EQ(failure_of([&] { accumulate(trainer, batch); }, ErrorCode::kInternal), "it failed on purpose");
    failure_of([&] { trainer.gradient(trainer.parameters()[0].name); }, ErrorCode::kInvalidArgument);
  }
  device.failing = 0;
  accumulate(trainer, batch);
  EXPECT_EQ(gradients(trainer), expected);
  device.operations = 0;
  update(trainer);
  const int of_update = device.operations;
  EXPECT_EQ(of_update, 2 * static_cast<int>(trainer.parameters().size()));
  for (int failing = 1; failing <= of_update; ++failing) {
    device.failing = 0;
    trainer.reset_gradient();
    accumulate(trainer, batch);
    device.operations = 0;
    device.failing = failing;
    EXPECT_EQ(failure_of([&] { update(trainer); }, ErrorCode::kInternal), "it failed on purpose");
  }
  EXPECT_EQ(device.misuses, std::vector<std::string>());
}

TEST(Trainer, rejects_invalid_arguments) {
  const auto refusal = [](OptimiserOptions options) {
    return failure_of([&] { Trainer({kSmall, options}, 1); }, ErrorCode::kInvalidArgument);
  };
  EXPECT_NE(refusal({.beta1 = 1}).find("beta1"), std::string::npos);
  EXPECT_NE(refusal({.weight_decay = -1}).find("decay"), std::string::npos);
  DndBackend generating = *cpu_backend();
  generating.name = "generating";
  generating.training = nullptr;
  EXPECT_NE(failure_of([&] { Trainer({kSmall}, DeviceChoice(&generating, {})); }, ErrorCode::kUnavailable)
                .find("'generating' does not train"),
            std::string::npos);
  Trainer trainer({kSmall}, 1);
  randomise(trainer);
  const RandomTask task = random_task(kSmall, 1, 3);
  TrainingBatch batch = batch_of(task);
  batch.target_noise = -1;
  failure_of([&] { accumulate(trainer, batch); }, ErrorCode::kInvalidArgument);
  batch = batch_of(task);
  batch.target = nullptr;
  failure_of([&] { accumulate(trainer, batch); }, ErrorCode::kInvalidArgument);
  batch.output_gradient = task.target.data();
  batch.condition_noise = 1e-3;
  failure_of([&] { accumulate(trainer, batch); }, ErrorCode::kInvalidArgument);
  failure_of([&] { trainer.set_step(-1); }, ErrorCode::kInvalidArgument);
  failure_of([&] { trainer.memory(0); }, ErrorCode::kInvalidArgument);
  accumulate(trainer, batch_of(task));
  Job job;
  failure_of([&] { trainer.update(std::nan(""), job); }, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace dnd
