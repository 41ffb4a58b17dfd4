#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "random_decoder.h"
#include "trainer_work.h"

namespace dnd {
namespace {

using test::accumulate;
using test::batch_of;
using test::Bytes;
using test::failure_of;
using test::gradients;
using test::kSmall;
using test::kWide;
using test::loss_of;
using test::norm_of;
using test::parameters;
using test::random_task;
using test::randomise;
using test::RandomTask;
using test::relative_error;
using test::states;
using test::update;

/// PyTorch's AdamW in double.
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

TEST(TrainerUpdate, steps_as_adamw_with_a_clipped_gradient) {
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

TEST(TrainerUpdate, continues_with_the_same_bytes_from_copied_parameters_states_and_step) {
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

TEST(TrainerUpdate, lists_the_states_of_a_checkpoint) {
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

/// Each step has new conditions and new noise on one target: only the target can be learned, and the remaining loss is
/// the noise.
TEST(TrainerUpdate, learns_a_toy_problem_equally_well_with_8_bit_moments) {
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

TEST(TrainerUpdate, changes_a_bias_that_a_norm_removes_only_by_decay) {
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
    const bool counts = layer >= 2;  // layer 2, which has no residual, comes after layers 0 and 1
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

TEST(TrainerUpdate, drops_a_gradient_that_is_not_finite_and_changes_nothing_else) {
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
    accumulate(trainer, batch_of(good));  // nothing of the broken gradient remains
    EXPECT_TRUE(std::isfinite(update(trainer)));
  }
}

TEST(TrainerUpdate, has_no_gradient_before_the_first_batch_nor_after_a_step) {
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

TEST(TrainerUpdate, changes_nothing_when_an_update_is_cancelled_and_keeps_the_gradient) {
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

}  // namespace
}  // namespace dnd
