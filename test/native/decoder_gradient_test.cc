#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>

#include "model/training/trainer.h"
#include "naive_training.h"
#include "random_decoder.h"

namespace dnd {
namespace {

using test::naive_gradients;
using test::naive_loss;
using test::NaiveDecoder;
using test::NaiveTask;
using test::random_config;
using test::random_task;
using test::random_values;
using test::randomise;
using test::RandomTask;
using test::Values;

std::string text_of(const DecoderConfig& config) {
  std::string text = "kernel " + std::to_string(config.kernel_size) + " from " + std::to_string(config.projected_from);
  for (const Feature& f : config.features) {
    text += " (" + std::to_string(f.tokens) + "," + std::to_string(f.height) + "," + std::to_string(f.width) + ")";
  }
  return text;
}

/// The gradient accumulated by a trainer, and the sums of its tokens.
std::map<std::string, std::vector<float>> gradients_of(Trainer& trainer, const RandomTask& task,
                                                       std::vector<DndTokenSums>* sums = nullptr) {
  std::vector<DndTokenSums> own(task.batch);
  Job job;
  trainer.reset_gradient();
  trainer.accumulate({.condition = task.condition.data(),
                      .target = task.target.data(),
                      .importance = task.importance.empty() ? nullptr : task.importance.data(),
                      .batch = task.batch},
                     own.data(), job);
  EXPECT_EQ(job.progress(), 1.0);
  std::map<std::string, std::vector<float>> gradients;
  for (const ParameterInfo& info : trainer.parameters()) {
    const float* values = trainer.gradient(info.name);
    gradients[info.name] = std::vector<float>(values, values + info.elements());
  }
  if (sums != nullptr) *sums = own;
  return gradients;
}

/// Relative error of one parameter's gradient; if the expected one is only rounding, relative to the whole gradient.
template <typename Gradient>
double error_of(const Gradient& gradient, const Values& expected, const std::map<std::string, Values>& all) {
  double own = 0, whole = 0;
  for (const double value : expected) own += value * value;
  for (const auto& [name, values] : all) {
    for (const double value : values) whole += value * value;
  }
  const double scale = std::sqrt(own < 1e-24 * whole ? whole : own);
  double difference = 0;
  for (size_t i = 0; i < expected.size(); ++i) difference += std::pow(gradient[i] - expected[i], 2);
  return difference == 0 ? 0 : std::sqrt(difference) / scale;
}

double loss_of(const NaiveDecoder& decoder, const NaiveTask& task) { return naive_loss(decoder.forward(task), task); }

TEST(DecoderGradient, of_the_naive_decoder_is_that_of_finite_differences) {
  for (const DecoderConfig& config :
       {DecoderConfig{{{2, 3, 4}, {3, 2, 3}, {3, 2, 3}, {2, 2, 2}}, 3}, DecoderConfig{{{2, 2, 3}, {2, 3, 2}}, 3, 4}}) {
    Decoder decoder(config, 1);
    randomise(decoder);
    NaiveDecoder naive(decoder);
    const NaiveTask task = random_task(config, 2, 5).exact();
    const auto all = naive_gradients(naive, task);
    for (const auto& [name, gradient] : all) {
      Values& parameter = naive.parameters.at(name);
      Values differences;
      for (double& value : parameter) {
        const double before = value, step = 1e-5;
        value = before + step;
        const double above = loss_of(naive, task);
        value = before - step;
        differences.push_back((above - loss_of(naive, task)) / (2 * step));
        value = before;
      }
      EXPECT_LE(error_of(differences, gradient, all), 1e-7) << name;
    }
  }
}

TEST(DecoderGradient, agrees_with_its_equations_in_double_whatever_the_shapes_and_the_algorithm) {
  for (uint32_t seed = 0; seed < 40; ++seed) {
    DecoderConfig config = random_config(seed);
    const RandomTask task = random_task(config, 1 + seed % 3, seed, seed % 4 == 0 ? 0 : 3 + seed % 5, seed % 3 != 0);
    std::map<std::string, Values> expected;
    for (DndAlgorithm algorithm : {kDndAuto, kDndDirect, kDndSpectral}) {
      config.algorithm = algorithm;
      Trainer trainer({config}, 2);
      randomise(trainer);
      if (expected.empty()) expected = naive_gradients(NaiveDecoder(trainer.decoder()), task.exact());
      const auto gradients = gradients_of(trainer, task);
      ASSERT_EQ(gradients.size(), expected.size());
      for (const auto& [name, gradient] : gradients) {
        EXPECT_LE(error_of(gradient, expected.at(name), expected), 5e-5)
            << name << " of " << text_of(config) << " algorithm " << algorithm;
      }
    }
  }
}

/// Along the gradient, and along a random direction, which also detects missing components.
TEST(DecoderGradient, agrees_with_finite_differences_along_any_direction_whatever_the_shapes) {
  for (uint32_t seed = 100; seed < 120; ++seed) {
    const DecoderConfig config = random_config(seed);
    const RandomTask task = random_task(config, 1 + seed % 2, seed);
    Trainer trainer({config}, 2);
    randomise(trainer);
    NaiveDecoder naive(trainer.decoder());
    const NaiveTask exact = task.exact();
    for (const auto& [name, gradient] : gradients_of(trainer, task)) {
      const std::vector<float> random = random_values(static_cast<int64_t>(gradient.size()), seed);
      for (const std::vector<float>* direction : {&gradient, &random}) {
        double length = 0, expected = 0, norm = 0;
        for (size_t i = 0; i < gradient.size(); ++i) {
          length += std::pow((*direction)[i], 2);
          norm += std::pow(gradient[i], 2);
          expected += static_cast<double>(gradient[i]) * (*direction)[i];
        }
        if (length == 0) continue;  // the gradient of a bias that a norm removes
        length = std::sqrt(length);
        norm = std::sqrt(norm);
        Values& parameter = naive.parameters.at(name);
        const Values before = parameter;
        const double step = 1e-5;
        const auto moved = [&](double by) {
          for (size_t i = 0; i < before.size(); ++i) parameter[i] = before[i] + by * (*direction)[i] / length;
          return loss_of(naive, exact);
        };
        const double difference = (moved(step) - moved(-step)) / (2 * step);
        parameter = before;
        EXPECT_NEAR(difference, expected / length, 2e-5 * norm + 1e-9) << name << " of " << text_of(config);
      }
    }
  }
}

TEST(DecoderGradient, of_a_layer_whose_norm_is_over_one_element_is_finite_and_right) {
  const DecoderConfig config{{{3, 1, 1}, {4, 2, 3}}, 3};
  Trainer trainer({config}, 2);
  randomise(trainer);
  const RandomTask task = random_task(config, 2, 3);
  const auto expected = naive_gradients(NaiveDecoder(trainer.decoder()), task.exact());
  for (const auto& [name, gradient] : gradients_of(trainer, task)) {
    EXPECT_LE(error_of(gradient, expected.at(name), expected), 2e-5) << name;
  }
}

TEST(DecoderGradient, reports_the_sums_of_each_task) {
  const DecoderConfig config{{{3, 7, 9}, {5, 7, 8}, {6, 4, 5}}, 5};
  Trainer trainer({config}, 2);
  randomise(trainer);
  const RandomTask task = random_task(config, 3, 9);
  std::vector<DndTokenSums> sums;
  gradients_of(trainer, task, &sums);
  double squares = 0, valid = 0;
  for (int64_t i = 0; i < task.batch; ++i) {
    const NaiveTask exact = task.part(i, 1).exact();
    const Values y = NaiveDecoder(trainer.decoder()).forward(exact).values;
    DndTokenSums expected{};
    for (size_t e = 0; e < y.size(); ++e) {
      const double target = exact.target[e];
      if (std::isnan(target)) continue;
      expected.valid += 1;
      expected.output_squares += y[e] * y[e];
      expected.target_squares += target * target;
      expected.product += y[e] * target;
    }
    EXPECT_EQ(sums[i].valid, expected.valid);
    EXPECT_NEAR(sums[i].output_squares, expected.output_squares, 1e-5 * expected.output_squares);
    EXPECT_NEAR(sums[i].target_squares, expected.target_squares, 1e-12 * expected.target_squares);
    EXPECT_NEAR(sums[i].product, expected.product, 1e-5 * std::sqrt(expected.output_squares * expected.target_squares));
    squares += sums[i].weighted_squares;
    valid += sums[i].valid;
  }
  const double loss = loss_of(NaiveDecoder(trainer.decoder()), task.exact());
  EXPECT_NEAR(squares / valid, loss, 1e-5 * loss);
}

}  // namespace
}  // namespace dnd
