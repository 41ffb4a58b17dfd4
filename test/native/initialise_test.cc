#include "model/initialise.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/philox.h"
#include "model/decoder.h"
#include "core/distributions.h"

namespace dnd {
namespace {

const DecoderConfig kConfig = {{{20, 300, 24}, {30, 40, 30}}, 7, 500};

std::vector<float> values_of(Decoder& decoder, const std::string& name) {
  for (const ParameterInfo& info : decoder.parameters()) {
    if (info.name == name) return {decoder.parameter(name), decoder.parameter(name) + info.elements()};
  }
  return {};
}

Decoder& initialised(Decoder& decoder, uint64_t seed) {
  Job job;
  decoder.initialise(seed, job);
  EXPECT_EQ(job.progress(), 1.0);
  return decoder;
}

/// Mean, deviation and extent of a uniform distribution ±bound, within five standard errors.
void expect_uniform(const std::vector<float>& values, double bound) {
  double mean = 0, square = 0, largest = 0;
  for (float value : values) {
    mean += value / static_cast<double>(values.size());
    square += static_cast<double>(value) * value / static_cast<double>(values.size());
    largest = std::max(largest, std::abs(static_cast<double>(value)));
  }
  const double error = 5 / std::sqrt(static_cast<double>(values.size()));
  EXPECT_LE(largest, bound * (1 + 1e-7));
  EXPECT_GE(largest, bound * (1 - 2 * error));
  EXPECT_NEAR(mean / bound, 0, error);
  EXPECT_NEAR(square / (bound * bound), 1.0 / 3, error);
}

TEST(Initialise, draws_every_parameter_from_pytorchs_distribution) {
  Decoder decoder(kConfig, 2);
  initialised(decoder, 3);
  const std::string layer = "decoder.module_list.0.";
  expect_uniform(values_of(decoder, layer + "linear1.conv1w.weight"), 1 / std::sqrt(24 * 49.0));
  expect_uniform(values_of(decoder, layer + "linear1.conv1h.weight"), 1 / std::sqrt(300 * 49.0));
  expect_uniform(values_of(decoder, layer + "linear1.conv2h.weight"), 1 / std::sqrt(300 * 49.0));
  expect_uniform(values_of(decoder, layer + "linear2.weight"), 1 / std::sqrt(20 * 49.0));
  expect_uniform(values_of(decoder, layer + "linear2.bias"), 1 / std::sqrt(20 * 49.0));
  expect_uniform(values_of(decoder, layer + "linear1.bias"), 1 / 1200.0);
  expect_uniform(values_of(decoder, "down_proj.bias"), 1 / std::sqrt(500.0));
  expect_uniform(values_of(decoder, "gate_proj.bias"), 1 / std::sqrt(300.0));
  for (float value : values_of(decoder, layer + "linear1.norm.weight")) ASSERT_EQ(value, 1.0f);
  for (float value : values_of(decoder, layer + "linear1.norm.bias")) ASSERT_EQ(value, 0.0f);
}

TEST(Initialise, draws_the_length_projection_from_the_normal_distribution) {
  Decoder decoder(kConfig, 2);
  std::vector<float> values = values_of(initialised(decoder, 3), "down_proj.weight");
  // Kolmogorov's distance between 150,000 draws and Φ: beyond 1.95 / √n once in a thousand seeds.
  std::sort(values.begin(), values.end());
  double distance = 0;
  const double n = static_cast<double>(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    const double below = 0.5 * std::erfc(-values[i] / std::sqrt(2.0));
    distance = std::max({distance, std::abs(below - i / n), std::abs(below - (i + 1) / n)});
  }
  EXPECT_LT(distance, 1.95 / std::sqrt(n));
}

TEST(Initialise, depends_on_the_seed_but_not_on_the_number_of_threads) {
  Decoder one(kConfig, 1), three(kConfig, 3), other(kConfig, 2);
  initialised(one, 12345678901234567ull);
  initialised(three, 12345678901234567ull);
  initialised(other, 12345678901234567ull + (1ull << 40));  // the upper half of the seed matters too
  for (const ParameterInfo& info : one.parameters()) {
    const std::vector<float> expected = values_of(one, info.name);
    EXPECT_EQ(values_of(three, info.name), expected) << info.name;
    if (!info.name.ends_with("norm.weight") && !info.name.ends_with("norm.bias")) {
      EXPECT_NE(values_of(other, info.name), expected) << info.name;
    }
  }
}

TEST(Initialise, takes_element_e_of_parameter_p_from_word_e_of_that_parameters_stream) {
  Decoder decoder(kConfig, 2);
  const std::vector<float> values = values_of(initialised(decoder, 7), "decoder.module_list.0.linear2.weight");
  const uint32_t parameter = 7;  // two of the norm, the bias and four convolutions come before
  for (uint32_t element : {0u, 1u, 6u, 29399u}) {
    const uint32_t word = philox({element / 4, 0, parameter, 0}, {7, 0})[element % 4];
    EXPECT_EQ(values[element], static_cast<float>(((word + 0.5) / 2147483648.0 - 1) / std::sqrt(20 * 49.0)));
  }
}

TEST(Initialise, computes_logarithm_sine_and_cosine_to_twelve_digits_without_the_c_library) {
  for (int i = 1; i < 100000; ++i) {
    const double x = (i + 0.37) / 100000.0;
    ASSERT_NEAR(exact_logarithm(x), std::log(x), 1e-12 * std::max(1.0, std::abs(std::log(x))));
    const auto [sine, cosine] = sine_cosine_of_turn(x < 1 ? x : 0);
    ASSERT_NEAR(sine, std::sin(2 * M_PI * x), 1e-12);
    ASSERT_NEAR(cosine, std::cos(2 * M_PI * x), 1e-12);
  }
  EXPECT_NEAR(exact_logarithm(0.5 / 4294967296.0), -33 * std::log(2.0), 1e-11);
}

TEST(Initialise, stops_when_its_job_is_cancelled) {
  Decoder decoder(kConfig, 2);
  Job job;
  job.cancel();
  EXPECT_THROW(decoder.initialise(1, job), Error);
}

}  // namespace
}  // namespace dnd
