#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "core/integers.h"
#include "core/status.h"
#include "cpu/training/dynamic_map.h"
#include "cpu/training/operations.h"
#include "random_values.h"

namespace dnd::cpu {
namespace {

using test::random_values;
using test::relative_error;

constexpr DndAdamW kOptions = {.learning_rate = 3e-3,
                               .beta1 = 0.9,
                               .beta2 = 0.999,
                               .eps = 1e-8,
                               .weight_decay = 0.1,
                               .gradient_scale = 0.5,
                               .step = 1};

DndAdamW at_step(int64_t step) {
  DndAdamW options = kOptions;
  options.step = step;
  return options;
}

/// Initial moments of `elements` elements.
struct Quantised {
  explicit Quantised(int64_t elements)
      : first(elements), second(elements), largest(2 * divide_up(elements, kDndStateBlock)) {}
  DndQuantisedMoments moments() {
    return {first.data(), second.data(), largest.data(), largest.data() + largest.size() / 2};
  }
  std::vector<uint8_t> first, second;
  std::vector<float> largest;
};

TEST(AdamW, follows_its_equations_in_double_over_a_hundred_steps) {
  for (const int64_t elements : {1, 7, 40, 40'001}) {
    ThreadPool pool(2);
    std::vector<float> parameter = random_values(elements, 1), first(elements), second(elements);
    std::vector<double> p(parameter.begin(), parameter.end()), m(elements), v(elements);
    for (int64_t t = 1; t <= 100; ++t) {
      const std::vector<float> gradient = random_values(elements, static_cast<uint32_t>(100 + t));
      adamw(pool, Control(), at_step(t), gradient.data(), elements, parameter.data(), first.data(), second.data());
      for (int64_t i = 0; i < elements; ++i) {
        const double g = static_cast<double>(gradient[i]) * kOptions.gradient_scale;
        p[i] *= 1 - kOptions.learning_rate * kOptions.weight_decay;
        m[i] = kOptions.beta1 * m[i] + (1 - kOptions.beta1) * g;
        v[i] = kOptions.beta2 * v[i] + (1 - kOptions.beta2) * g * g;
        const double unbiased = v[i] / (1 - std::pow(kOptions.beta2, static_cast<double>(t)));
        p[i] -= kOptions.learning_rate / (1 - std::pow(kOptions.beta1, static_cast<double>(t))) * m[i] /
                (std::sqrt(unbiased) + kOptions.eps);
      }
    }
    EXPECT_LE(relative_error(parameter, p), 3e-6) << elements;
    EXPECT_LE(relative_error(first, m), 1e-6) << elements;
    EXPECT_LE(relative_error(second, v), 1e-5) << elements;
  }
}

TEST(AdamW, gives_the_same_bytes_for_any_number_of_threads) {
  const int64_t elements = 100'003;
  const std::vector<float> gradient = random_values(elements, 2);
  const auto run = [&](int threads) {
    ThreadPool pool(threads);
    std::vector<float> parameter = random_values(elements, 1), first(elements), second(elements);
    Quantised quantised(elements);
    std::vector<float> other = parameter;
    for (int64_t t = 1; t <= 3; ++t) {
      adamw(pool, Control(), at_step(t), gradient.data(), elements, parameter.data(), first.data(), second.data());
      adamw_quantised(pool, Control(), at_step(t), gradient.data(), elements, other.data(), quantised.moments());
    }
    parameter.insert(parameter.end(), other.begin(), other.end());
    return parameter;
  };
  const std::vector<float> alone = run(1);
  EXPECT_EQ(run(2), alone);
  EXPECT_EQ(run(3), alone);
}

TEST(AdamW, counts_steps_from_one) {
  ThreadPool pool(1);
  float parameter = 1, gradient = 1, first = 0, second = 0;
  try {
    adamw(pool, Control(), at_step(0), &gradient, 1, &parameter, &first, &second);
    FAIL() << "step 0 was taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_NE(std::string(error.what()).find("the step is 0"), std::string::npos);
  }
}

TEST(DynamicMap, has_256_numbers_including_zero_and_one) {
  for (const DynamicMap* map : {&signed_dynamic_map(), &unsigned_dynamic_map()}) {
    std::vector<float> values(map->values, map->values + 256);
    EXPECT_EQ(values[0], 0);
    std::sort(values.begin(), values.end());
    EXPECT_EQ(std::adjacent_find(values.begin(), values.end()), values.end());
    EXPECT_EQ(values.back(), 1);
    EXPECT_FLOAT_EQ(values.front(), map->with_sign ? -0.99296875f : 0);
  }
  // The only step of a decade in the signed map, the first of two in the unsigned one, and the middle of [0.1, 1].
  EXPECT_FLOAT_EQ(signed_dynamic_map().values[1], 5.5e-7f);
  EXPECT_FLOAT_EQ(unsigned_dynamic_map().values[2], 3.25e-7f);
  EXPECT_FLOAT_EQ(signed_dynamic_map().values[96], 0.1f + 0.9f * 32.5f / 64);
}

/// Moments after one step with β = 0, which equal the gradient and its square.
Quantised stored(const std::vector<float>& gradient, int64_t step = 1) {
  const int64_t elements = static_cast<int64_t>(gradient.size());
  ThreadPool pool(2);
  std::vector<float> parameter(elements);
  Quantised quantised(elements);
  DndAdamW options = at_step(step);
  options.beta1 = options.beta2 = 0;
  options.gradient_scale = 1;
  adamw_quantised(pool, Control(), options, gradient.data(), elements, parameter.data(), quantised.moments());
  return quantised;
}

/// Whether `code` is one of the two neighbours of the number, up to rounding.
bool is_neighbour(const DynamicMap& map, uint8_t code, float number) {
  std::vector<float> values(map.values, map.values + 256);
  std::sort(values.begin(), values.end());
  const auto above = std::lower_bound(values.begin(), values.end(), number - 1e-6f * std::abs(number));
  const auto below = std::upper_bound(values.begin(), values.end(), number + 1e-6f * std::abs(number));
  const float lower = below == values.begin() ? values.front() : *(below - 1);
  const float upper = above == values.end() ? values.back() : *above;
  return map.values[code] == lower || map.values[code] == upper;
}

TEST(QuantisedMoments, are_neighbouring_codes_times_the_largest_of_their_block) {
  for (const int64_t elements : {1, 255, 256, 257, 5000}) {
    std::vector<float> gradient = random_values(elements, 5);
    for (int64_t i = 0; i < elements; ++i) {  // over many decades, with zeros
      gradient[i] = i % 17 == 3 ? 0.0f : gradient[i] * std::pow(10.0f, static_cast<float>(-(i % 9)));
    }
    Quantised states = stored(gradient);
    const DndQuantisedMoments moments = states.moments();
    for (int64_t block = 0; block * kDndStateBlock < elements; ++block) {
      const int64_t begin = block * kDndStateBlock, end = std::min(elements, begin + kDndStateBlock);
      float largest = 0;
      for (int64_t i = begin; i < end; ++i) largest = std::max(largest, std::abs(gradient[i]));
      EXPECT_EQ(moments.first_largest[block], largest);
      EXPECT_FLOAT_EQ(moments.second_largest[block], largest);
      for (int64_t i = begin; i < end; ++i) {
        const float number = gradient[i] / largest;
        EXPECT_TRUE(is_neighbour(signed_dynamic_map(), moments.first[i], number)) << number;
        EXPECT_TRUE(is_neighbour(unsigned_dynamic_map(), moments.second[i], std::abs(number))) << number;
        EXPECT_EQ(moments.second[i] == 0, number == 0) << number;
      }
    }
  }
}

TEST(QuantisedMoments, are_right_in_expectation) {
  // Within a decade, between two of them, below the smallest code, above the largest but one.
  for (const float number : {0.5f, 0.31f, 0.0999f, 0.1001f, 2e-4f, 3e-7f, 0.997f, -0.5f, -0.1001f, -3e-5f}) {
    std::vector<float> gradient(256 * 200, number);
    for (size_t block = 0; block < gradient.size(); block += 256) gradient[block] = 1.0f;
    const Quantised states = stored(gradient);
    double first = 0, second = 0, spread = 0;
    const double count = static_cast<double>(gradient.size()) * 255 / 256;
    for (size_t i = 0; i < gradient.size(); ++i) {
      if (i % 256 == 0) continue;
      const double value = signed_dynamic_map().values[states.first[i]];
      first += value / count;
      spread += (value - number) * (value - number) / count;
      second += unsigned_dynamic_map().values[states.second[i]] / count;
    }
    EXPECT_NEAR(first, number, 5 * std::sqrt(spread / count) + 2e-5 * std::abs(number)) << number;
    if (std::abs(number) > 3.25e-7f) {
      EXPECT_NEAR(second, std::abs(number), 5 * std::sqrt(spread / count) + 2e-5 * std::abs(number)) << number;
    }
  }
}

TEST(QuantisedMoments, are_rounded_differently_in_another_step) {
  const std::vector<float> gradient = random_values(1000, 8);
  EXPECT_EQ(stored(gradient, 3).first, stored(gradient, 3).first);
  EXPECT_NE(stored(gradient, 3).first, stored(gradient, 4).first);
}

TEST(QuantisedMoments, represent_every_value_of_the_map_exactly) {
  // All positive codes and all negative ones, with a largest magnitude of 1.
  for (float sign : {1.0f, -1.0f}) {
    std::vector<float> gradient;
    for (const float value : signed_dynamic_map().values) {
      if (value * sign > 0) gradient.push_back(value);
    }
    gradient.push_back(1.0f);
    const Quantised states = stored(gradient);
    for (size_t i = 0; i < gradient.size(); ++i) {
      EXPECT_EQ(signed_dynamic_map().values[states.first[i]], gradient[i]);
    }
  }
  const std::vector<float> roots(unsigned_dynamic_map().values, unsigned_dynamic_map().values + 256);
  const Quantised states = stored(roots);
  for (int code = 0; code < 256; ++code) EXPECT_EQ(states.second[code], code);
}

TEST(QuantisedMoments, of_zero_gradients_are_zero_bytes_and_change_parameters_only_by_decay) {
  const int64_t elements = 600;
  ThreadPool pool(1);
  const std::vector<float> gradient(elements);
  std::vector<float> parameter(elements, 1.0f);
  Quantised states(elements);
  for (int64_t t = 1; t <= 3; ++t) {
    adamw_quantised(pool, Control(), at_step(t), gradient.data(), elements, parameter.data(), states.moments());
  }
  EXPECT_EQ(states.first, std::vector<uint8_t>(elements));
  EXPECT_EQ(states.second, std::vector<uint8_t>(elements));
  EXPECT_EQ(states.largest, std::vector<float>(states.largest.size()));
  for (const float value : parameter) EXPECT_FLOAT_EQ(value, std::pow(1 - 3e-4f, 3.0f));
}

TEST(QuantisedMoments, stay_finite_whatever_the_size_of_gradients) {
  for (const float size : {1e-30f, 1e-20f, 1e-8f, 1.0f, 1e15f}) {
    const int64_t elements = 700;
    ThreadPool pool(2);
    std::vector<float> parameter = random_values(elements, 1);
    Quantised states(elements);
    for (int64_t t = 1; t <= 20; ++t) {
      std::vector<float> gradient = random_values(elements, static_cast<uint32_t>(t));
      for (float& value : gradient) value *= size;
      adamw_quantised(pool, Control(), at_step(t), gradient.data(), elements, parameter.data(), states.moments());
    }
    for (const float value : parameter) ASSERT_TRUE(std::isfinite(value)) << size;
    for (const float value : states.largest) ASSERT_TRUE(std::isfinite(value)) << size;
    // Twenty steps of at most a little more than the learning rate each.
    const std::vector<float> before = random_values(elements, 1);
    for (int64_t i = 0; i < elements; ++i) EXPECT_LE(std::abs(parameter[i] - before[i]), 20 * 4 * 3e-3) << size;
  }
}

/// Loss of least squares, y = A·x, after some hundred steps.
double fitted(bool quantised) {
  constexpr int64_t kOutputs = 32, kInputs = 48, kSamples = 64;
  ThreadPool pool(2);
  const std::vector<float> truth = random_values(kOutputs * kInputs, 1), inputs = random_values(kSamples * kInputs, 2),
                           errors = random_values(kSamples * kOutputs, 3);
  std::vector<float> a(truth.size()), first(truth.size()), second(truth.size());
  Quantised states(static_cast<int64_t>(truth.size()));
  double loss = 0;
  for (int64_t t = 1; t <= 400; ++t) {
    std::vector<float> gradient(a.size());
    loss = 0;
    for (int64_t s = 0; s < kSamples; ++s) {
      for (int64_t o = 0; o < kOutputs; ++o) {
        double difference = 0.3 * errors[s * kOutputs + o];
        for (int64_t i = 0; i < kInputs; ++i) {
          difference += (a[o * kInputs + i] - truth[o * kInputs + i]) * inputs[s * kInputs + i];
        }
        loss += difference * difference / (kSamples * kOutputs);
        for (int64_t i = 0; i < kInputs; ++i) {
          gradient[o * kInputs + i] +=
              static_cast<float>(2 * difference * inputs[s * kInputs + i] / (kSamples * kOutputs));
        }
      }
    }
    DndAdamW options = at_step(t);
    options.weight_decay = 0.01;
    options.gradient_scale = 1;
    const int64_t elements = static_cast<int64_t>(a.size());
    if (quantised) {
      adamw_quantised(pool, Control(), options, gradient.data(), elements, a.data(), states.moments());
    } else {
      adamw(pool, Control(), options, gradient.data(), elements, a.data(), first.data(), second.data());
    }
  }
  return loss;
}

TEST(QuantisedMoments, reach_the_loss_of_float32) {
  const double loss = fitted(false);
  EXPECT_LT(loss, 0.2);  // it has learned something
  EXPECT_NEAR(fitted(true), loss, 0.02 * loss);
}

}  // namespace
}  // namespace dnd::cpu
