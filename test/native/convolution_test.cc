#include "cpu/convolution/convolution.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <utility>

#include "core/float_conversion.h"
#include "core/memory.h"
#include "counted_control.h"
#include "cpu/layers/layers.h"
#include "naive_convolution.h"
#include "random_halves.h"
#include "random_values.h"

namespace dnd::cpu {
namespace {

using test::convolution_of;
using test::ConvolutionCase;
using test::CountedControl;
using test::naive_convolution;
using test::odd_convolutions;
using test::random_values;
using test::relative_error;

constexpr DndAlgorithm kAlgorithms[] = {kDndDirect, kDndSpectral, kDndAuto};

/// Random operands of a convolution.
struct Operands {
  std::vector<float> x, weight, mean_rstd, norm_weight, norm_bias, addend, bias;
  DndWeightType type = kDndFloat32Weight;
  std::vector<uint16_t> halves;  ///< the weight, of another type

  explicit Operands(const ConvolutionCase& c)
      : x(random_values(c.inputs(), 1)),
        weight(random_values(c.weights(), 2)),
        mean_rstd(random_values(3 * c.batch * c.tokens, 3)),
        norm_weight(random_values(c.height * c.width, 4)),
        norm_bias(random_values(c.height * c.width, 5)),
        addend(random_values(c.outputs(), 6)),
        bias(random_values(c.axis == kDndToken ? c.outs : c.height * c.outs, 7)) {}
};

/// `residual`: whether the token bias epilogue also adds a residual.
std::vector<float> run(const DndConvolution& c, const Operands& values, int64_t outputs, int threads,
                       const DndControl* control = nullptr, bool residual = true) {
  ThreadPool pool(threads);
  ConvolutionChoices choices(threads);
  int64_t sufficient = 0;
  const Memory workspace(convolution_workspace(choices, c, &sufficient));
  std::memset(workspace.data(), 0xff, workspace.bytes());  // all NaN: workspace must not be read before it is written
  std::vector<float> y(outputs, 1e30f);
  DndConvolutionOperands operands = {
      .x = values.x.data(), .weight = values.weight.data(), .y = y.data(), .workspace = workspace.data()};
  if (values.type != kDndFloat32Weight) operands.weight = values.halves.data();
  operands.weight_type = values.type;
  if (c.normalised != 0) {
    operands.mean_rstd = values.mean_rstd.data();
    operands.norm_weight = values.norm_weight.data();
    operands.norm_bias = values.norm_bias.data();
  }
  if (c.epilogue != kDndStore) operands.bias = values.bias.data();
  if (c.epilogue != kDndStore && residual) operands.addend = values.addend.data();
  convolution(pool, Control(control), choices, c, operands);
  return y;
}

std::vector<float> run(const ConvolutionCase& s, DndAlgorithm algorithm, int threads,
                       const DndControl* control = nullptr) {
  DndConvolution c = convolution_of(s);
  c.algorithm = algorithm;
  return run(c, Operands(s), s.outputs(), threads, control);
}

TEST(Convolution, of_a_weight_in_half_precision_gives_the_bytes_of_its_values_in_float32) {
  for (const ConvolutionCase& shape : odd_convolutions()) {
    for (const FloatType stored : test::kHalfTypes) {
      const test::RandomHalves weight(stored, shape.weights());
      Operands values(shape);
      values.weight = weight.floats;
      values.halves = weight.bits;
      for (const DndAlgorithm algorithm : {kDndDirect, kDndSpectral}) {
        DndConvolution c = convolution_of(shape);
        c.algorithm = algorithm;
        values.type = kDndFloat32Weight;
        const std::vector<float> wanted = run(c, values, shape.outputs(), 2);
        values.type = weight.type;
        const std::vector<float> found = run(c, values, shape.outputs(), 2);
        EXPECT_EQ(std::memcmp(found.data(), wanted.data(), wanted.size() * sizeof(float)), 0)
            << shape << (stored == FloatType::kF16 ? " f16" : " bf16") << ", algorithm " << algorithm;
      }
    }
  }
}

TEST(Convolution, agrees_with_its_definition_in_double_for_every_axis_odd_shape_and_algorithm) {
  for (const ConvolutionCase& shape : odd_convolutions()) {
    const Operands values(shape);
    const std::vector<double> wanted = naive_convolution(shape, values.x, values.weight);
    EXPECT_LE(relative_error(run(shape, kDndDirect, 2), wanted), 5e-7) << shape;
    EXPECT_LE(relative_error(run(shape, kDndSpectral, 2), wanted), 3e-6) << shape;
    EXPECT_LE(relative_error(run(shape, kDndAuto, 2), wanted), 3e-6) << shape;
  }
}

/// x̂ = (x − mean) · rstd · weight + bias, with the mean and rstd of each token.
std::vector<float> normalised(const ConvolutionCase& c, const Operands& values) {
  std::vector<float> x = values.x;
  const int64_t plane = c.height * c.width;
  for (int64_t i = 0; i < c.inputs(); ++i) {
    const float* m = values.mean_rstd.data() + i / plane * 3;
    const double centred = static_cast<double>(x[i]) - m[0] - m[1];
    x[i] = static_cast<float>(centred * m[2] * values.norm_weight[i % plane] + values.norm_bias[i % plane]);
  }
  return x;
}

TEST(Convolution, normalises_its_input_while_it_reads_it) {
  for (const ConvolutionCase& shape : odd_convolutions()) {
    if (shape.axis == kDndToken) continue;
    const Operands values(shape);
    const std::vector<double> wanted = naive_convolution(shape, normalised(shape, values), values.weight);
    DndConvolution c = convolution_of(shape);
    c.normalised = 1;
    for (DndAlgorithm algorithm : kAlgorithms) {
      c.algorithm = algorithm;
      EXPECT_LE(relative_error(run(c, values, shape.outputs(), 2), wanted), 3e-6) << shape << " " << algorithm;
    }
  }
}

TEST(Convolution, over_the_width_merges_both_paths) {
  for (const ConvolutionCase& shape : odd_convolutions()) {
    if (shape.axis != kDndWidth) continue;
    const Operands values(shape);
    std::vector<double> wanted = naive_convolution(shape, values.x, values.weight);
    for (size_t i = 0; i < wanted.size(); ++i) {
      wanted[i] = (values.addend[i] + std::tanh(wanted[i]) + values.bias[i % (shape.height * shape.outs)]) / 3;
    }
    DndConvolution c = convolution_of(shape);
    c.epilogue = kDndMergePaths;
    for (DndAlgorithm algorithm : kAlgorithms) {
      c.algorithm = algorithm;
      EXPECT_LE(relative_error(run(c, values, shape.outputs(), 2), wanted), 3e-6) << shape << " " << algorithm;
    }
  }
}

TEST(Convolution, over_the_tokens_adds_a_bias_and_a_residual_if_there_is_one) {
  for (const ConvolutionCase& shape : odd_convolutions()) {
    if (shape.axis != kDndToken) continue;
    const Operands values(shape);
    for (bool residual : {false, true}) {
      std::vector<double> wanted = naive_convolution(shape, values.x, values.weight);
      for (size_t i = 0; i < wanted.size(); ++i) {
        wanted[i] += values.bias[i / (shape.height * shape.width) % shape.outs] + (residual ? values.addend[i] : 0);
      }
      DndConvolution c = convolution_of(shape);
      c.epilogue = kDndTokenBias;
      for (DndAlgorithm algorithm : kAlgorithms) {
        c.algorithm = algorithm;
        EXPECT_LE(relative_error(run(c, values, shape.outputs(), 2, nullptr, residual), wanted), 3e-6)
            << shape << " " << algorithm << (residual ? " with" : " without") << " a residual";
      }
    }
  }
}

TEST(Convolution, gives_the_same_bytes_for_any_number_of_threads) {
  for (const ConvolutionCase& shape : odd_convolutions()) {
    for (DndAlgorithm algorithm : kAlgorithms) {
      const std::vector<float> alone = run(shape, algorithm, 1);
      for (int threads : {2, 3}) {
        const std::vector<float> shared = run(shape, algorithm, threads);
        EXPECT_EQ(std::memcmp(alone.data(), shared.data(), alone.size() * sizeof(float)), 0)
            << shape << ", algorithm " << algorithm << ", " << threads << " threads";
      }
    }
  }
}

TEST(Convolution, gives_a_task_the_same_bytes_whatever_the_others_of_its_batch_are) {
  for (DndAxis axis : {kDndWidth, kDndHeight, kDndToken}) {
    for (DndAlgorithm algorithm : kAlgorithms) {
      const ConvolutionCase shape = {axis, 3, 12, 10, 34, 20, 5};
      Operands values(shape);
      DndConvolution c = convolution_of(shape);
      c.algorithm = algorithm;
      const std::vector<float> before = run(c, values, shape.outputs(), 2);
      for (int64_t i = 0; i < shape.inputs() * 2 / 3; ++i) values.x[i] += 1;
      const std::vector<float> after = run(c, values, shape.outputs(), 2);
      const int64_t own = shape.outputs() * 2 / 3;
      EXPECT_NE(std::memcmp(before.data(), after.data(), own * sizeof(float)), 0);
      EXPECT_EQ(std::memcmp(before.data() + own, after.data() + own, (shape.outputs() - own) * sizeof(float)), 0);
    }
  }
}

TEST(Convolution, stays_within_its_limit_and_reports_what_it_needs_if_that_is_too_low) {
  const ConvolutionCase shape = {kDndHeight, 2, 40, 30, 70, 30, 7};
  const Operands values(shape);
  const std::vector<double> wanted = naive_convolution(shape, values.x, values.weight);
  ConvolutionChoices choices(2);
  for (DndAlgorithm algorithm : kAlgorithms) {
    for (int normalised : {0, 1}) {
      DndConvolution c = convolution_of(shape);
      c.algorithm = algorithm;
      c.normalised = normalised;
      int64_t sufficient = 0, smallest = INT64_MAX;
      int refused = 0;
      for (c.workspace_limit = int64_t{1} << 30; refused < 3; c.workspace_limit /= 4) {
        try {
          const int64_t bytes = convolution_workspace(choices, c, &sufficient);
          EXPECT_LE(bytes, c.workspace_limit);
          EXPECT_LE(bytes, smallest);
          smallest = bytes;
          if (normalised != 0) continue;
          EXPECT_LE(relative_error(run(c, values, shape.outputs(), 2), wanted), 3e-6);
        } catch (const Error& error) {
          EXPECT_EQ(error.code(), ErrorCode::kOutOfMemory);
          EXPECT_NE(std::string(error.what()).find(std::to_string(sufficient)), std::string::npos) << error.what();
          DndConvolution enough = c;
          enough.workspace_limit = sufficient;
          EXPECT_LE(convolution_workspace(choices, enough, &sufficient), enough.workspace_limit);
          ++refused;
        }
      }
      EXPECT_LT(smallest, int64_t{16} << 20);
    }
  }
}

TEST(ConvolutionChoices, caches_each_convolution_separately) {
  ConvolutionChoices choices(2);
  const DndConvolution c = convolution_of({kDndToken, 1, 32, 20, 40, 24, 5});
  const std::shared_ptr<const ConvolutionChoice> first = choices.of(c);
  EXPECT_EQ(choices.of(c), first);
  DndConvolution other = c;
  other.algorithm = kDndDirect;
  EXPECT_EQ(choices.of(other)->algorithm, Algorithm::kDirect);
  other = c;
  other.batch = 700;
  EXPECT_EQ(choices.of(other)->geometry.batch, 700);
  for (other.batch = 1; other.batch < 700; ++other.batch) {  // more than the cache has
    EXPECT_EQ(choices.of(other)->geometry.batch, other.batch);
  }
  EXPECT_EQ(choices.of(c)->workspace_bytes, first->workspace_bytes);
}

TEST(Convolution, reports_its_multiply_adds_without_padding_taps) {
  const ConvolutionCase shape = {kDndToken, 2, 5, 3, 7, 4, 5};
  for (DndAlgorithm algorithm : kAlgorithms) {
    CountedControl counted;
    run(shape, algorithm, 2, &counted.control);
    // Along 3 positions 3 + 3 + 3 taps of 5 are inside, along 7 positions 3 + 4 + 5 + 5 + 5 + 4 + 3.
    EXPECT_NEAR(counted.done, 2.0 * 5 * 4 * 9 * 29, 1e-6);
  }
}

TEST(Convolution, stops_at_the_next_tile_when_it_is_cancelled) {
  const ConvolutionCase shape = {kDndToken, 1, 128, 20, 40, 64, 5};
  for (DndAlgorithm algorithm : kAlgorithms) {
    CountedControl counted;
    run(shape, algorithm, 1, &counted.control);
    const int64_t asked = counted.asked;
    for (int64_t after : {int64_t{0}, asked / 3, asked - 1}) {
      counted.asked = 0;
      counted.cancel_after = after;
      try {
        run(shape, algorithm, 1, &counted.control);
        ADD_FAILURE() << "went on after being cancelled";
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::kAborted);
      }
      EXPECT_EQ(counted.asked, after + 1);
    }
  }
}

TEST(Convolution, rejects_invalid_sizes_by_name) {
  const auto message_of = [](DndConvolution c) -> std::string {
    ConvolutionChoices choices(1);
    int64_t sufficient = 0;
    try {
      convolution_workspace(choices, c, &sufficient);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
      return error.what();
    }
    return "";
  };
  const DndConvolution good = convolution_of({kDndToken, 1, 2, 2, 2, 2, 3});
  EXPECT_EQ(message_of(good), "");
  const auto with = [&good](auto change) {
    DndConvolution c = good;
    change(c);
    return c;
  };
  const std::pair<DndConvolution, const char*> cases[] = {
      {with([](DndConvolution& c) { c.kernel_size = 4; }), "kernel size is 4"},
      {with([](DndConvolution& c) { c.height = 0; }), "height is 0"},
      {with([](DndConvolution& c) { c.out_channels = -1; }), "number of output channels is -1"},
      {with([](DndConvolution& c) { c.axis = static_cast<DndAxis>(7); }), "unknown axis 7"},
      {with([](DndConvolution& c) { c.normalised = 1; }), "not normalised"},
      {with([](DndConvolution& c) { c.epilogue = kDndMergePaths; }), "after one over the width"},
      {with([](DndConvolution& c) { c.axis = kDndHeight, c.epilogue = kDndTokenBias; }), "over the tokens"},
      {with([](DndConvolution& c) { c.algorithm = kDndSpectral, c.kernel_size = 17; }), "more than 15 taps"},
  };
  for (const auto& [c, part] : cases) EXPECT_NE(message_of(c).find(part), std::string::npos) << message_of(c);
}

}  // namespace
}  // namespace dnd::cpu
