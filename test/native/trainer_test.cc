#include "model/training/trainer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <map>
#include <string>

#include "core/philox.h"
#include "naive_training.h"
#include "random_decoder.h"
#include "training_device.h"

namespace dnd {
namespace {

using test::random_task;
using test::random_values;
using test::randomise;
using test::RandomTask;
using test::relative_error;
using test::TrainingDevice;

using Bytes = std::map<std::string, std::vector<float>>;

const DecoderConfig kSmall = {{{3, 7, 9}, {5, 7, 8}, {5, 7, 8}, {6, 4, 5}}, 5};
const DecoderConfig kProjected = {{{4, 10, 6}, {6, 8, 12}, {7, 5, 6}}, 3, 35};
/// With parameters of more than 4,096 elements, so that there are states to quantise.
const DecoderConfig kWide = {{{6, 10, 14}, {10, 8, 12}, {14, 6, 8}}, 9};

TrainingBatch batch_of(const RandomTask& task, double weight = 1) {
  return {.condition = task.condition.data(),
          .target = task.target.data(),
          .importance = task.importance.empty() ? nullptr : task.importance.data(),
          .batch = task.batch,
          .weight = weight};
}

std::vector<DndTokenSums> accumulate(Trainer& trainer, const TrainingBatch& batch, int64_t limit = INT64_MAX) {
  std::vector<DndTokenSums> sums(batch.batch);
  Job job;
  trainer.accumulate(batch, sums.data(), job, limit);
  return sums;
}

double update(Trainer& trainer, double learning_rate = 1e-3) {
  Job job;
  const double norm = trainer.update(learning_rate, job);
  EXPECT_EQ(job.progress(), 1.0);
  return norm;
}

Bytes gradients(const Trainer& trainer) {
  Bytes all;
  for (const ParameterInfo& info : trainer.parameters()) {
    const float* values = trainer.gradient(info.name);
    all[info.name] = std::vector<float>(values, values + info.elements());
  }
  return all;
}

Bytes parameters(const Trainer& trainer) {
  Bytes all;
  for (const ParameterInfo& info : trainer.parameters()) {
    const float* values = trainer.parameter(info.name);
    all[info.name] = std::vector<float>(values, values + info.elements());
  }
  return all;
}

std::map<std::string, std::string> states(const Trainer& trainer) {
  std::map<std::string, std::string> all;
  for (const StateInfo& info : trainer.states()) {
    all[info.name] = std::string(static_cast<const char*>(trainer.state(info.name)), info.bytes());
  }
  return all;
}

double norm_of(const Bytes& gradients) {
  double sum = 0;
  for (const auto& [name, values] : gradients) {
    for (const float value : values) sum += static_cast<double>(value) * value;
  }
  return std::sqrt(sum);
}

double loss_of(const std::vector<DndTokenSums>& sums) {
  double squares = 0, valid = 0;
  for (const DndTokenSums& task : sums) {
    squares += task.weighted_squares;
    valid += task.valid;
  }
  return squares / valid;
}

std::string failure_of(const std::function<void()>& work, ErrorCode expected) {
  try {
    work();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), expected) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "nothing failed";
  return "";
}

TEST(Trainer, gives_the_same_bytes_for_any_number_of_threads) {
  for (const DecoderConfig& config : {kSmall, kProjected, kWide}) {
    for (const MomentType moments : {MomentType::kFloat32, MomentType::kEightBit}) {
      Bytes first_gradients, first_parameters;
      for (int threads : {1, 2, 3}) {
        Trainer trainer({config, {.moments = moments}}, threads);
        randomise(trainer);
        TrainingBatch batch = batch_of(random_task(config, 1, 1));
        const RandomTask task = random_task(config, 2, 7);
        batch = batch_of(task);
        batch.condition_noise = 1e-2;
        batch.target_noise = 1e-3;
        for (int step = 0; step < 2; ++step) {
          accumulate(trainer, batch);
          if (step == 0) update(trainer);
        }
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

TEST(Trainer, gets_from_two_halves_what_it_gets_from_the_whole_batch) {
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

/// The noise of an element, by its definition in backend_training.h, with other functions.
float noise_at(uint64_t key, uint64_t stream, int64_t element, double sigma) {
  const auto words = philox({static_cast<uint32_t>(element / 4), 0, static_cast<uint32_t>(stream), 0},
                            {static_cast<uint32_t>(key), static_cast<uint32_t>(key >> 32)});
  const int64_t pair = element % 4 / 2 * 2;
  const double radius = std::sqrt(-2 * std::log((words[pair] + 0.5) / 4294967296.0));
  const double angle = 2 * 3.14159265358979323846 * ((words[pair + 1] + 0.5) / 4294967296.0);
  return static_cast<float>(sigma * radius * (element % 2 == 0 ? std::cos(angle) : std::sin(angle)));
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
    if (norm_of({{name, gradient}}) == 0) continue;  // a bias that a norm takes away
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

/// PyTorch's AdamW, one step after the other in double.
struct NaiveAdamW {
  OptimiserOptions options;
  int64_t step = 0;
  std::map<std::string, std::vector<double>> first, second;

  void update(std::map<std::string, std::vector<double>>& parameters, const Bytes& gradients, double learning_rate) {
    const double norm = norm_of(gradients), most = options.max_gradient_norm;
    const double factor = most > 0 ? std::min(1.0, most / (norm + 1e-6)) : 1;
    ++step;
    for (auto& [name, values] : parameters) {
      std::vector<double>&m = first[name], &v = second[name];
      m.resize(values.size());
      v.resize(values.size());
      for (size_t i = 0; i < values.size(); ++i) {
        const double g = gradients.at(name)[i] * factor;
        values[i] *= 1 - learning_rate * options.weight_decay;
        m[i] = options.beta1 * m[i] + (1 - options.beta1) * g;
        v[i] = options.beta2 * v[i] + (1 - options.beta2) * g * g;
        values[i] -= learning_rate / (1 - std::pow(options.beta1, step)) * m[i] /
                     (std::sqrt(v[i] / (1 - std::pow(options.beta2, step))) + options.eps);
      }
    }
  }
};

TEST(Trainer, steps_as_adamw_with_a_clipped_gradient) {
  for (const double most : {0.0, 0.05, 1e6}) {
    const OptimiserOptions options{.beta1 = 0.8, .beta2 = 0.95, .weight_decay = 0.3, .max_gradient_norm = most};
    Trainer trainer({kSmall, options}, 2);
    randomise(trainer);
    NaiveAdamW naive;
    naive.options = options;
    std::map<std::string, std::vector<double>> expected;
    for (const auto& [name, values] : parameters(trainer)) expected[name].assign(values.begin(), values.end());
    for (int step = 0; step < 4; ++step) {
      const RandomTask task = random_task(kSmall, 2, 50 + step);
      accumulate(trainer, batch_of(task));
      const Bytes all = gradients(trainer);
      naive.update(expected, all, 0.01 / (step + 1));
      const double norm = update(trainer, 0.01 / (step + 1));
      EXPECT_NEAR(norm, norm_of(all), 1e-12 * norm);
      EXPECT_GT(norm, 0.05);
      EXPECT_EQ(trainer.step(), step + 1);
    }
    for (const auto& [name, values] : parameters(trainer)) {
      EXPECT_LE(relative_error(values, expected.at(name)), 1e-6) << name << " clipped at " << most;
    }
  }
}

TEST(Trainer, continues_with_the_same_bytes_from_copied_parameters_states_and_step) {
  for (const MomentType moments : {MomentType::kFloat32, MomentType::kEightBit}) {
    const auto advance = [](Trainer& trainer, int from, int to) {
      for (int step = from; step < to; ++step) {
        const RandomTask task = random_task(kWide, 2, 200 + step);
        TrainingBatch batch = batch_of(task);
        batch.noise_stream = static_cast<uint64_t>(step) * 2;
        batch.condition_noise = 1e-3;
        accumulate(trainer, batch);
        update(trainer);
      }
    };
    Trainer whole({kWide, {.moments = moments}}, 2), first({kWide, {.moments = moments}}, 2),
        second({kWide, {.moments = moments}}, 1);
    randomise(whole);
    randomise(first);
    advance(whole, 0, 6);
    advance(first, 0, 3);
    for (const ParameterInfo& info : first.parameters()) {
      std::copy_n(first.parameter(info.name), info.elements(), second.parameter(info.name));
    }
    for (const StateInfo& info : first.states()) {
      std::memcpy(second.state(info.name), first.state(info.name), info.bytes());
    }
    second.set_step(first.step());
    advance(second, 3, 6);
    EXPECT_EQ(parameters(second), parameters(whole));
    EXPECT_EQ(states(second), states(whole));
    EXPECT_EQ(second.step(), 6);
  }
}

TEST(Trainer, says_which_states_a_checkpoint_stores) {
  const Trainer exact({kWide}, 1), quantised({kWide, {.moments = MomentType::kEightBit}}, 1);
  EXPECT_EQ(exact.state_bytes(), 2 * exact.parameter_bytes());
  EXPECT_EQ(exact.states().size(), 2 * exact.parameters().size());
  std::map<std::string, StateInfo> infos;
  int64_t bytes = 0;
  for (const StateInfo& info : quantised.states()) {
    bytes += info.bytes();
    infos.emplace(info.name, info);
  }
  EXPECT_EQ(quantised.state_bytes(), bytes);
  for (const ParameterInfo& parameter : quantised.parameters()) {
    for (const std::string& moment : {"first." + parameter.name, "second." + parameter.name}) {
      const StateInfo& info = infos.at(moment);
      EXPECT_EQ(info.elements, parameter.elements());
      const bool large = parameter.elements() >= 4096;
      EXPECT_EQ(info.type, large ? StateInfo::Type::kUint8 : StateInfo::Type::kFloat32) << moment;
      ASSERT_EQ(infos.contains(moment + ".largest"), large) << moment;
      if (!large) continue;
      EXPECT_EQ(infos.at(moment + ".largest").elements, (parameter.elements() + 255) / 256);
      EXPECT_EQ(infos.at(moment + ".largest").type, StateInfo::Type::kFloat32);
    }
  }
  EXPECT_EQ(infos.at("first.decoder.module_list.0.linear1.conv1w.weight").elements, 12 * 14 * 81);
  EXPECT_EQ(infos.at("first.decoder.module_list.0.linear1.conv1w.weight").type, StateInfo::Type::kUint8);
  EXPECT_EQ(infos.at("second.decoder.module_list.0.linear1.bias").type, StateInfo::Type::kFloat32);
  EXPECT_NE(failure_of([&] { exact.state("first.nothing"); }, ErrorCode::kInvalidArgument).find("'first.nothing'"),
            std::string::npos);
}

/// Each step's conditions are new, and so is the noise on one target: what can be learned is that target, and what is
/// left is the noise.
TEST(Trainer, learns_a_toy_and_as_well_with_moments_in_eight_bits) {
  constexpr int kSteps = 60, kLast = 10;
  const double noise = 0.3;
  const RandomTask first = random_task(kWide, 2, 77, 5, false);
  std::map<MomentType, double> last;
  for (const MomentType moments : {MomentType::kFloat32, MomentType::kEightBit}) {
    Trainer trainer({kWide, {.moments = moments}}, 2);
    Job job;
    trainer.decoder().initialise(5, job);
    double before = 0;
    for (int step = 0; step < kSteps; ++step) {
      RandomTask task = random_task(kWide, 2, 300 + step, 5, false);
      task.target = first.target;
      std::copy_n(first.target.begin(), task.target.size() / 2, task.target.begin() + task.target.size() / 2);
      TrainingBatch batch = batch_of(task);
      batch.target_noise = noise;
      batch.noise_stream = static_cast<uint64_t>(2 * step);
      const double loss = loss_of(accumulate(trainer, batch));
      if (step == 0) before = loss;
      if (step >= kSteps - kLast) last[moments] += loss / kLast;
      update(trainer, 3e-3);
    }
    EXPECT_LT(last[moments], 0.5 * before);
    EXPECT_GT(last[moments], 0.9 * noise * noise);
  }
  EXPECT_NEAR(last[MomentType::kEightBit], last[MomentType::kFloat32], 0.02 * last[MomentType::kFloat32]);
}

TEST(Trainer, leaves_a_bias_that_a_norm_takes_away_to_the_decay) {
  const DecoderConfig config = {{{3, 6, 7}, {4, 6, 7}, {4, 6, 7}, {5, 4, 6}, {5, 4, 6}}, 3};
  Trainer trainer({config, {.weight_decay = 0.5}}, 2);
  randomise(trainer);
  const Bytes before = parameters(trainer);
  const RandomTask task = random_task(config, 2, 3);
  accumulate(trainer, batch_of(task));
  const Bytes all = gradients(trainer);
  update(trainer, 0.1);
  for (const int layer : {0, 1, 2, 3}) {
    const std::string name = "decoder.module_list." + std::to_string(layer) + ".linear2.bias";
    const bool counts = layer >= 2;  // behind layers 0 and 1 comes the third, which has no residual
    for (size_t i = 0; i < all.at(name).size(); ++i) {
      EXPECT_EQ(all.at(name)[i] != 0, counts) << name;
      const float decayed = 0.95f * before.at(name)[i];
      if (counts) {
        EXPECT_GT(std::abs(trainer.parameter(name)[i] - decayed), 0.05);
      } else {
        EXPECT_FLOAT_EQ(trainer.parameter(name)[i], decayed);
      }
    }
  }
}

TEST(Trainer, changes_nothing_when_the_gradient_is_not_finite_but_drops_it) {
  for (const float broken : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    Trainer trainer({kSmall}, 2);
    randomise(trainer);
    const RandomTask good = random_task(kSmall, 2, 3);
    accumulate(trainer, batch_of(good));
    update(trainer);
    const Bytes before = parameters(trainer);
    const auto states_before = states(trainer);
    RandomTask bad = good;
    bad.condition[5] = broken;
    EXPECT_FALSE(std::isfinite(loss_of(accumulate(trainer, batch_of(bad)))));
    EXPECT_FALSE(std::isfinite(update(trainer)));
    EXPECT_EQ(parameters(trainer), before);
    EXPECT_EQ(states(trainer), states_before);
    EXPECT_EQ(trainer.step(), 1);
    Job job;
    failure_of([&] { trainer.update(1e-3, job); }, ErrorCode::kInvalidArgument);
    accumulate(trainer, batch_of(good));  // of the broken gradient nothing is left
    EXPECT_TRUE(std::isfinite(update(trainer)));
  }
}

TEST(Trainer, has_no_gradient_before_the_first_batch_nor_after_a_step) {
  Trainer trainer({kSmall}, 2);
  randomise(trainer);
  const std::string name = trainer.parameters()[0].name;
  Job job;
  failure_of([&] { trainer.gradient(name); }, ErrorCode::kInvalidArgument);
  EXPECT_NE(failure_of([&] { trainer.update(1e-3, job); }, ErrorCode::kInvalidArgument).find("no gradient"),
            std::string::npos);
  const RandomTask task = random_task(kSmall, 1, 3);
  accumulate(trainer, batch_of(task));
  trainer.gradient(name);
  failure_of([&] { trainer.gradient("nothing"); }, ErrorCode::kInvalidArgument);
  update(trainer);
  failure_of([&] { trainer.gradient(name); }, ErrorCode::kInvalidArgument);
}

TEST(Trainer, drops_the_steps_gradient_when_a_batch_is_cancelled_whenever_that_is) {
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

TEST(Trainer, changes_nothing_when_an_update_is_cancelled_and_keeps_the_gradient) {
  Trainer trainer({kSmall}, 2);
  randomise(trainer);
  const RandomTask task = random_task(kSmall, 1, 3);
  accumulate(trainer, batch_of(task));
  const Bytes before = parameters(trainer), gradient = gradients(trainer);
  Job cancelled;
  cancelled.cancel();
  failure_of([&] { trainer.update(1e-3, cancelled); }, ErrorCode::kAborted);
  EXPECT_EQ(parameters(trainer), before);
  EXPECT_EQ(trainer.step(), 0);
  EXPECT_EQ(gradients(trainer), gradient);
  update(trainer);
  EXPECT_NE(parameters(trainer), before);
}

TEST(Trainer, forwards_with_the_parameters_of_the_last_step) {
  Trainer trainer({kProjected}, 2);
  randomise(trainer);
  const RandomTask task = random_task(kProjected, 2, 3);
  std::vector<float> tokens(task.target.size()), of_decoder(task.target.size());
  std::vector<DndTokenSums> sums(2), without(2);
  for (int step = 0; step < 2; ++step) {
    const double training_loss = loss_of(accumulate(trainer, batch_of(task)));
    Job job;
    trainer.evaluate(task.condition.data(), task.target.data(), task.importance.data(), 2, tokens.data(), sums.data(),
                     job);
    EXPECT_EQ(job.progress(), 1.0);
    trainer.decoder().forward(task.condition.data(), 2, of_decoder.data(), job);
    EXPECT_EQ(tokens, of_decoder);
    trainer.evaluate(task.condition.data(), task.target.data(), task.importance.data(), 2, nullptr, without.data(),
                     job);
    EXPECT_EQ(loss_of(sums), loss_of(without));
    EXPECT_NEAR(loss_of(sums), training_loss, 1e-5 * training_loss);
    update(trainer, 0.05);
  }
}

TEST(Trainer, tells_of_every_operation_that_fails) {
  TrainingDevice device;
  Trainer trainer({kProjected, {.moments = MomentType::kEightBit}}, device.choice());
  randomise(trainer);
  const RandomTask task = random_task(kProjected, 2, 3);
  std::vector<DndTokenSums> sums(2);
  Job evaluation;
  trainer.evaluate(task.condition.data(), task.target.data(), nullptr, 2, nullptr, sums.data(), evaluation);
  device.failing = device.operations;
  device.operations = 0;
  EXPECT_EQ(failure_of(
                [&] {
                  trainer.evaluate(task.condition.data(), task.target.data(), nullptr, 2, nullptr, sums.data(),
                                   evaluation);
                },
                ErrorCode::kInternal),
            "it failed on purpose");
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

TEST(Trainer, refuses_what_makes_no_sense) {
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
  failure_of([&] { trainer.set_step(-1); }, ErrorCode::kInvalidArgument);
  failure_of([&] { trainer.memory(0); }, ErrorCode::kInvalidArgument);
  accumulate(trainer, batch_of(task));
  Job job;
  failure_of([&] { trainer.update(std::nan(""), job); }, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace dnd
