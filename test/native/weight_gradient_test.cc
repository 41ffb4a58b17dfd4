#include "cpu/convolution/weight_gradient.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "core/memory.h"
#include "counted_control.h"
#include "cpu/convolution/gradient_choice.h"
#include "naive_gradients.h"
#include "random_values.h"

namespace dnd::cpu {
namespace {

using test::convolution_of;
using test::ConvolutionCase;
using test::CountedControl;
using test::naive_weight_gradient;
using test::odd_convolutions;
using test::random_values;
using test::relative_error;

constexpr DndAlgorithm kAlgorithms[] = {kDndDirect, kDndSpectral, kDndAuto};

struct Operands {
  std::vector<float> x, dy, mean_rstd, norm_weight, norm_bias;

  explicit Operands(const ConvolutionCase& c)
      : x(random_values(c.inputs(), 1)),
        dy(random_values(c.outputs(), 2)),
        mean_rstd(random_values(3 * c.batch * c.tokens, 3)),
        norm_weight(random_values(c.height * c.width, 4)),
        norm_bias(random_values(c.height * c.width, 5)) {}
};

std::vector<float> run(const DndConvolution& c, const Operands& values, int64_t weights, int threads,
                       const DndControl* control = nullptr, const std::vector<float>* before = nullptr) {
  ThreadPool pool(threads);
  WeightGradientChoices choices(threads);
  int64_t sufficient = 0;
  const Memory workspace(weight_gradient_workspace(choices, c, &sufficient));
  std::memset(workspace.data(), 0xff, workspace.bytes());  // all NaN: workspace must not be read before it is written
  std::vector<float> gradient = before != nullptr ? *before : std::vector<float>(weights, 1e30f);
  DndWeightGradientOperands operands = {.x = values.x.data(),
                                        .dy = values.dy.data(),
                                        .gradient = gradient.data(),
                                        .accumulate = before != nullptr,
                                        .workspace = workspace.data()};
  if (c.normalised != 0) {
    operands.mean_rstd = values.mean_rstd.data();
    operands.norm_weight = values.norm_weight.data();
    operands.norm_bias = values.norm_bias.data();
  }
  weight_gradient(pool, Control(control), choices, c, operands);
  return gradient;
}

DndConvolution with(const ConvolutionCase& shape, DndAlgorithm algorithm) {
  DndConvolution c = convolution_of(shape);
  c.algorithm = algorithm;
  return c;
}

TEST(WeightGradient, agrees_with_its_definition_in_double_for_every_axis_odd_shape_and_algorithm) {
  for (const ConvolutionCase& shape : odd_convolutions()) {
    const Operands values(shape);
    const std::vector<double> wanted = naive_weight_gradient(shape, values.x, values.dy);
    for (DndAlgorithm algorithm : kAlgorithms) {
      EXPECT_LE(relative_error(run(with(shape, algorithm), values, shape.weights(), 2), wanted), 5e-6)
          << shape << ", algorithm " << algorithm;
    }
  }
}

TEST(WeightGradient, normalises_its_input_while_it_reads_it) {
  for (const ConvolutionCase& shape : odd_convolutions()) {
    if (shape.axis == kDndToken) continue;
    const Operands values(shape);
    std::vector<float> x = values.x;
    const int64_t plane = shape.height * shape.width;
    for (int64_t i = 0; i < shape.inputs(); ++i) {
      const float* m = values.mean_rstd.data() + i / plane * 3;
      const double centred = static_cast<double>(x[i]) - m[0] - m[1];
      x[i] = static_cast<float>(centred * m[2] * values.norm_weight[i % plane] + values.norm_bias[i % plane]);
    }
    const std::vector<double> wanted = naive_weight_gradient(shape, x, values.dy);
    for (DndAlgorithm algorithm : kAlgorithms) {
      DndConvolution c = with(shape, algorithm);
      c.normalised = 1;
      EXPECT_LE(relative_error(run(c, values, shape.weights(), 2), wanted), 5e-6) << shape << ", " << algorithm;
    }
  }
}

TEST(WeightGradient, is_added_to_the_previous_gradient_when_it_accumulates) {
  for (const ConvolutionCase& shape : odd_convolutions()) {
    const Operands values(shape);
    const std::vector<float> before = random_values(shape.weights(), 9);
    std::vector<double> wanted = naive_weight_gradient(shape, values.x, values.dy);
    for (size_t i = 0; i < wanted.size(); ++i) wanted[i] += before[i];
    for (DndAlgorithm algorithm : kAlgorithms) {
      EXPECT_LE(relative_error(run(with(shape, algorithm), values, shape.weights(), 2, nullptr, &before), wanted), 5e-6)
          << shape << ", " << algorithm;
    }
  }
}

TEST(WeightGradient, does_not_depend_on_the_epilogue_of_its_convolution) {
  const ConvolutionCase shape = {kDndWidth, 2, 12, 10, 34, 20, 5};
  const Operands values(shape);
  for (DndAlgorithm algorithm : kAlgorithms) {
    DndConvolution merged = with(shape, algorithm);
    merged.epilogue = kDndMergePaths;
    EXPECT_EQ(run(merged, values, shape.weights(), 2), run(with(shape, algorithm), values, shape.weights(), 2));
  }
}

TEST(WeightGradient, gives_the_same_bytes_for_any_number_of_threads) {
  for (const ConvolutionCase& shape : odd_convolutions()) {
    const Operands values(shape);
    for (DndAlgorithm algorithm : kAlgorithms) {
      const std::vector<float> alone = run(with(shape, algorithm), values, shape.weights(), 1);
      for (int threads : {2, 3}) {
        const std::vector<float> shared = run(with(shape, algorithm), values, shape.weights(), threads);
        EXPECT_EQ(std::memcmp(alone.data(), shared.data(), alone.size() * sizeof(float)), 0)
            << shape << ", algorithm " << algorithm << ", " << threads << " threads";
      }
    }
  }
}

TEST(WeightGradient, stays_within_its_limit_and_reports_what_it_needs_if_that_is_too_low) {
  const ConvolutionCase shape = {kDndHeight, 3, 40, 50, 40, 40, 5};
  const Operands values(shape);
  const std::vector<double> wanted = naive_weight_gradient(shape, values.x, values.dy);
  WeightGradientChoices choices(2);
  for (DndAlgorithm algorithm : kAlgorithms) {
    for (int normalised : {0, 1}) {
      DndConvolution c = with(shape, algorithm);
      c.normalised = normalised;
      int64_t sufficient = 0;
      int refused = 0;
      for (c.workspace_limit = int64_t{1} << 30; refused < 3; c.workspace_limit /= 4) {
        try {
          EXPECT_LE(weight_gradient_workspace(choices, c, &sufficient), c.workspace_limit);
          if (normalised != 0) continue;
          EXPECT_LE(relative_error(run(c, values, shape.weights(), 2), wanted), 5e-6);
        } catch (const Error& error) {
          EXPECT_EQ(error.code(), ErrorCode::kOutOfMemory);
          EXPECT_NE(std::string(error.what()).find(std::to_string(sufficient)), std::string::npos) << error.what();
          DndConvolution enough = c;
          enough.workspace_limit = sufficient;
          EXPECT_LE(weight_gradient_workspace(choices, enough, &sufficient), enough.workspace_limit);
          ++refused;
        }
      }
    }
  }
}

TEST(WeightGradient, by_the_direct_algorithm_is_the_same_bytes_for_any_limit) {
  const ConvolutionCase shape = {kDndHeight, 4, 60, 50, 70, 40, 7};
  const Operands values(shape);
  DndConvolution c = with(shape, kDndDirect);
  const std::vector<float> all_at_once = run(c, values, shape.weights(), 2);
  c.workspace_limit = int64_t{4} << 20;
  EXPECT_EQ(run(c, values, shape.weights(), 2), all_at_once);
}

TEST(WeightGradient, reports_its_multiply_adds_without_padding_taps) {
  const ConvolutionCase shape = {kDndToken, 2, 5, 3, 7, 4, 5};
  for (DndAlgorithm algorithm : kAlgorithms) {
    CountedControl counted;
    run(with(shape, algorithm), Operands(shape), shape.weights(), 2, &counted.control);
    // Along 3 positions 3 + 3 + 3 taps of 5 are inside, along 7 positions 3 + 4 + 5 + 5 + 5 + 4 + 3.
    EXPECT_NEAR(counted.done, 2.0 * 5 * 4 * 9 * 29, 1e-6);
  }
}

TEST(WeightGradient, stops_at_the_next_tile_when_it_is_cancelled) {
  const ConvolutionCase shape = {kDndToken, 1, 128, 20, 40, 64, 5};
  const Operands values(shape);
  for (DndAlgorithm algorithm : kAlgorithms) {
    CountedControl counted;
    run(with(shape, algorithm), values, shape.weights(), 1, &counted.control);
    const int64_t asked = counted.asked;
    for (int64_t after : {int64_t{0}, asked / 3, asked - 1}) {
      counted.asked = 0;
      counted.cancel_after = after;
      try {
        run(with(shape, algorithm), values, shape.weights(), 1, &counted.control);
        ADD_FAILURE() << "went on after being cancelled";
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::kAborted);
      }
      EXPECT_EQ(counted.asked, after + 1);
    }
  }
}

}  // namespace
}  // namespace dnd::cpu
