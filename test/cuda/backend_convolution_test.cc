#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "test/cuda/backend_device.h"
#include "test/cuda/emulator/control.h"
#include "test/native/counted_control.h"
#include "test/native/naive_convolution.h"
#include "test/native/random_values.h"

namespace dnd::test {
namespace {

bool same_bytes(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

/// A convolution through the table, and everything that it can read, random.
struct BackendConvolution {
  ConvolutionCase shape;
  DndConvolution described;
  std::vector<float> x, weight, moments, norm_weight, norm_bias, addend, bias;

  explicit BackendConvolution(const ConvolutionCase& c)
      : shape(c),
        described(convolution_of(c)),
        x(random_values(c.inputs(), 1)),
        weight(random_values(c.weights(), 2)),
        moments(random_values(3 * c.batch * c.tokens, 3)),
        norm_weight(random_values(c.height * c.width, 4)),
        norm_bias(random_values(c.height * c.width, 5)),
        addend(random_values(c.outputs(), 6)),
        bias(random_values(c.axis == kDndToken ? c.outs : c.height * c.outs, 7)) {}

  void hold(const BackendDevice& device, int64_t keep_free = 0, const DndControl* control = nullptr) const {
    for (const std::vector<float>* values : {&norm_weight, &norm_bias, &bias}) {
      device.call(device->hold_values, values->data(), static_cast<int64_t>(values->size()));
    }
    device.call(device->hold_convolution, control, &described, weight.data(), keep_free);
  }

  int64_t workspace(const BackendDevice& device) const {
    int64_t bytes = 0, sufficient = 0;
    device.call(device->convolution_workspace, &described, &bytes, &sufficient);
    return bytes;
  }

  std::vector<float> run(const BackendDevice& device, const DndControl* control = nullptr) const {
    const BackendArray from(device, x), row_moments(device, moments), added(device, addend);
    const BackendArray workspace(device, this->workspace(device)), y(device, shape.outputs() * 4);
    DndConvolutionOperands operands = {
        .x = from.floats(), .weight = weight.data(), .y = y.floats(), .workspace = workspace.memory()};
    if (described.normalised != 0) {
      operands.moments = row_moments.floats();
      operands.norm_weight = norm_weight.data();
      operands.norm_bias = norm_bias.data();
    }
    if (described.epilogue != kDndStore) {
      operands.bias = bias.data();
      operands.addend = added.floats();
    }
    device.call(device->convolution, control, &described, &operands);
    return y.download(shape.outputs());
  }

  std::vector<double> expected() const {
    std::vector<float> from = x;
    const int64_t plane = shape.height * shape.width;
    for (int64_t i = 0; i < shape.inputs() && described.normalised != 0; ++i) {
      const float* m = moments.data() + i / plane * 3;
      const double centred = static_cast<double>(x[i]) - m[0] - m[1];
      from[i] = static_cast<float>(centred * m[2] * norm_weight[i % plane] + norm_bias[i % plane]);
    }
    std::vector<double> y = naive_convolution(shape, from, weight);
    for (size_t i = 0; i < y.size(); ++i) {
      if (described.epilogue == kDndMergePaths) {
        y[i] = (addend[i] + std::tanh(y[i]) + bias[i % (shape.height * shape.outs)]) / 3;
      } else if (described.epilogue == kDndTokenBias) {
        y[i] += addend[i] + bias[i / plane % shape.outs];
      }
    }
    return y;
  }
};

TEST(BackendConvolution, agrees_with_its_definition_for_every_axis_epilogue_algorithm_and_precision) {
  const ConvolutionCase shapes[] = {{kDndWidth, 1, 3, 4, 25, 7, 3},   {kDndWidth, 2, 20, 2, 1, 3, 5},
                                    {kDndHeight, 1, 2, 129, 3, 5, 3}, {kDndHeight, 2, 1, 7, 1, 1, 1},
                                    {kDndToken, 1, 7, 5, 18, 9, 9},   {kDndToken, 3, 1, 1, 1, 1, 1}};
  for (DndPrecision precision : {kDndMixed, kDndFloat32}) {
    for (const ConvolutionCase& shape : shapes) {
      for (DndAlgorithm algorithm : {kDndDirect, kDndSpectral}) {
        const BackendDevice device(precision);
        BackendConvolution convolution(shape);
        convolution.described.algorithm = algorithm;
        convolution.described.normalised = shape.axis != kDndToken;
        convolution.described.epilogue = shape.axis == kDndWidth   ? kDndMergePaths
                                         : shape.axis == kDndToken ? kDndTokenBias
                                                                   : kDndStore;
        convolution.hold(device);
        const bool exact = precision == kDndFloat32 || algorithm == kDndDirect;
        EXPECT_LE(relative_error(convolution.run(device), convolution.expected()), exact ? 3e-6 : 1e-3)
            << shape << ", algorithm " << algorithm << ", precision " << precision;
      }
    }
  }
}

TEST(BackendConvolution, keeps_to_its_limit_with_the_same_bytes_and_says_what_it_needs_below_that) {
  for (DndPrecision precision : {kDndMixed, kDndFloat32}) {
    const BackendDevice device(precision);
    BackendConvolution convolution({kDndToken, 3, 5, 20, 12, 10, 3});
    convolution.described.algorithm = kDndSpectral;
    convolution.hold(device);
    const std::vector<float> wanted = convolution.run(device);
    const int64_t most = convolution.workspace(device);
    int64_t smallest = most, sufficient = 0, none = 0;
    for (convolution.described.workspace_limit = most - 1;; convolution.described.workspace_limit = smallest - 1) {
      int64_t bytes = 0;
      if (device->convolution_workspace(device.state(), &convolution.described, &bytes, &sufficient) != kDndOk) break;
      EXPECT_LT(bytes, smallest);
      if (bytes < smallest * 2 / 3) {
        EXPECT_TRUE(same_bytes(convolution.run(device), wanted)) << bytes;
      }
      smallest = bytes;
    }
    EXPECT_LT(smallest, most / 4);
    const Failure failure = device.failure(device->convolution_workspace, &convolution.described, &none, &sufficient);
    EXPECT_EQ(failure.status, kDndOutOfMemory);
    EXPECT_NE(std::string(failure.what()).find(std::to_string(sufficient)), std::string::npos) << failure.what();
    convolution.described.workspace_limit = sufficient;
    EXPECT_LE(convolution.workspace(device), sufficient);
    EXPECT_TRUE(same_bytes(convolution.run(device), wanted));
  }
}

TEST(BackendConvolution, makes_spectra_as_it_goes_where_they_cannot_be_held_and_gives_the_same_bytes) {
  for (DndPrecision precision : {kDndMixed, kDndFloat32}) {
    BackendConvolution convolution({kDndToken, 1, 5, 20, 12, 10, 3});
    convolution.described.algorithm = kDndSpectral;
    std::vector<float> wanted;
    int64_t with_spectra = 0, bare = 0, available = 0;
    {
      const BackendDevice device(precision);
      convolution.hold(device);
      device.call(device->memory, &with_spectra, &available);
      wanted = convolution.run(device);
    }
    const BackendDevice device({0, 0, precision, with_spectra - 1});
    device.call(device->memory, &bare, &available);
    EXPECT_EQ(bare, 0);
    EXPECT_EQ(available, with_spectra - 1);
    convolution.hold(device);
    int64_t with_taps = 0;
    device.call(device->memory, &with_taps, &available);
    EXPECT_LT(with_taps, with_spectra / 4);
    EXPECT_GE(with_taps, static_cast<int64_t>(convolution.weight.size() * sizeof(float)));
    device.call(device->forget);

    const BackendDevice roomy(precision);
    roomy.call(roomy->memory, &bare, &available);
    convolution.hold(roomy, available - with_spectra + 1);
    EXPECT_TRUE(same_bytes(convolution.run(roomy), wanted));
    convolution.described.workspace_limit = convolution.workspace(roomy) / 2;
    EXPECT_TRUE(same_bytes(convolution.run(roomy), wanted)) << "in half the workspace";
  }
}

TEST(BackendConvolution, asks_for_enough_workspace_where_weights_of_its_shape_are_held_in_both_forms) {
  const BackendDevice device;
  BackendConvolution spectra({kDndToken, 1, 5, 20, 12, 10, 3});
  spectra.described.algorithm = kDndSpectral;
  spectra.hold(device);
  const std::vector<float> wanted = spectra.run(device);
  const int64_t before = spectra.workspace(device);
  BackendConvolution taps = spectra;
  int64_t held = 0, available = 0;
  device.call(device->memory, &held, &available);
  taps.hold(device, available - 10000);
  EXPECT_GT(spectra.workspace(device), before);
  EXPECT_TRUE(same_bytes(spectra.run(device), wanted));
  EXPECT_TRUE(same_bytes(taps.run(device), wanted));
}

TEST(BackendConvolution, names_need_and_supply_where_not_even_taps_fit) {
  BackendConvolution convolution({kDndToken, 1, 5, 20, 12, 10, 3});
  const BackendDevice device;
  int64_t held = 0, available = 0;
  device.call(device->memory, &held, &available);
  const DndControl* const none = nullptr;
  const Failure failure =
      device.failure(device->hold_convolution, none, static_cast<const DndConvolution*>(&convolution.described),
                     static_cast<const float*>(convolution.weight.data()), available - 1000);
  EXPECT_EQ(failure.status, kDndOutOfMemory);
  const std::string sentence = failure.what();
  EXPECT_NE(sentence.find("(1800 bytes)"), std::string::npos) << sentence;  // 10 · 5 · 3 · 3 taps
  EXPECT_NE(sentence.find("(1000 bytes)"), std::string::npos) << sentence;
  device.call(device->memory, &held, &available);
  EXPECT_EQ(held, 0);
}

TEST(BackendConvolution, stops_before_each_launch_and_while_weights_are_held) {
  const BackendDevice device(kDndFloat32);
  BackendConvolution convolution({kDndToken, 1, 2, 3, 4, 2, 3});
  convolution.described.algorithm = kDndSpectral;
  CountedControl counted;
  counted.cancel_after = 0;
  EXPECT_THROW(convolution.hold(device, 0, &counted.control), Failure);
  convolution.hold(device);
  const std::vector<float> wanted = convolution.run(device);
  int64_t after = 0;
  for (;; ++after) {
    CountedControl asked;
    asked.cancel_after = after;
    const int64_t launches = dnd_emulator_launches();
    try {
      EXPECT_TRUE(same_bytes(convolution.run(device, &asked.control), wanted));
      EXPECT_GT(asked.done, 0);
      break;
    } catch (const Failure& failure) {
      EXPECT_EQ(failure.status, kDndAborted);
      EXPECT_LE(dnd_emulator_launches() - launches, after);
    }
  }
  EXPECT_GE(after, 3);
}

TEST(BackendConvolution, gives_the_same_bytes_for_any_order_of_threads) {
  std::vector<float> wanted;
  for (uint64_t seed : {1, 2, 3}) {
    dnd_emulator_set_seed(seed);
    const BackendDevice device;
    BackendConvolution convolution({kDndWidth, 1, 6, 4, 25, 9, 3});
    convolution.described.algorithm = kDndSpectral;
    convolution.described.normalised = 1;
    convolution.hold(device);
    const std::vector<float> y = convolution.run(device);
    if (wanted.empty()) wanted = y;
    EXPECT_TRUE(same_bytes(y, wanted)) << "seed " << seed;
  }
}

TEST(BackendConvolution, tells_the_time_of_its_parts) {
  const BackendDevice device;
  BackendConvolution convolution({kDndToken, 1, 2, 3, 4, 2, 3});
  convolution.described.algorithm = kDndSpectral;
  convolution.hold(device);
  const BackendArray from(device, convolution.x), workspace(device, convolution.workspace(device));
  const BackendArray y(device, convolution.shape.outputs() * 4);
  double seconds[kDndConvolutionParts] = {};
  const DndConvolutionOperands operands = {.x = from.floats(),
                                           .weight = convolution.weight.data(),
                                           .y = y.floats(),
                                           .workspace = workspace.memory(),
                                           .part_seconds = seconds};
  device.call(device->convolution, static_cast<const DndControl*>(nullptr),
              static_cast<const DndConvolution*>(&convolution.described), &operands);
  for (DndConvolutionPart part : {kDndForwardPart, kDndProductPart, kDndInversePart}) EXPECT_GT(seconds[part], 0);
  EXPECT_EQ(seconds[kDndColumnsPart], 0);
}

TEST(BackendConvolution, refuses_what_makes_no_sense) {
  const BackendDevice device;
  DndConvolution even = convolution_of({kDndToken, 1, 2, 3, 4, 2, 3});
  even.kernel_size = 4;
  int64_t bytes = 0, sufficient = 0;
  const Failure failure =
      device.failure(device->convolution_workspace, static_cast<const DndConvolution*>(&even), &bytes, &sufficient);
  EXPECT_EQ(failure.status, kDndInvalidArgument);
  EXPECT_NE(std::string(failure.what()).find("kernel size is 4"), std::string::npos) << failure.what();
}

}  // namespace
}  // namespace dnd::test
