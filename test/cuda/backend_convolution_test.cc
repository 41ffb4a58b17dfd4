#include "test/cuda/backend_convolution.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "test/cuda/emulator/control.h"
#include "test/cuda/record_error.h"

namespace dnd::test {
namespace {

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
        convolution.upload(device);
        const bool exact = precision == kDndFloat32 || algorithm == kDndDirect;
        const double error = relative_error(convolution.run(device), convolution.expected());
        record_relative_error(error);
        EXPECT_LE(error, exact ? 3e-6 : 1e-3) << shape << ", algorithm " << algorithm << ", precision " << precision;
      }
    }
  }
}

TEST(BackendConvolution, keeps_to_its_limit_with_the_same_bytes_and_says_what_it_needs_below_that) {
  for (DndPrecision precision : {kDndMixed, kDndFloat32}) {
    const BackendDevice device(precision);
    BackendConvolution convolution({kDndToken, 3, 5, 20, 12, 10, 3});
    convolution.described.algorithm = kDndSpectral;
    convolution.upload(device);
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

TEST(BackendConvolution, makes_spectra_as_it_goes_where_they_cannot_be_resident_and_gives_the_same_bytes) {
  for (DndPrecision precision : {kDndMixed, kDndFloat32}) {
    BackendConvolution convolution({kDndToken, 1, 5, 20, 12, 10, 3});
    convolution.described.algorithm = kDndSpectral;
    std::vector<float> wanted;
    int64_t with_spectra = 0, bare = 0, available = 0;
    {
      const BackendDevice device(precision);
      convolution.upload(device);
      device.call(device->memory, &with_spectra, &available);
      wanted = convolution.run(device);
    }
    const BackendDevice device({0, 0, precision, with_spectra - 1});
    device.call(device->memory, &bare, &available);
    EXPECT_EQ(bare, 0);
    EXPECT_EQ(available, with_spectra - 1);
    convolution.upload(device);
    int64_t with_taps = 0;
    device.call(device->memory, &with_taps, &available);
    EXPECT_LT(with_taps, with_spectra / 4);
    EXPECT_GE(with_taps, static_cast<int64_t>(convolution.weight.size() * sizeof(float)));
    device.call(device->invalidate);

    const BackendDevice ample({0, 0, precision, kPlenty});
    convolution.upload(ample, kPlenty - with_spectra + 1);
    EXPECT_TRUE(same_bytes(convolution.run(ample), wanted));
    convolution.described.workspace_limit = convolution.workspace(ample) / 2;
    EXPECT_TRUE(same_bytes(convolution.run(ample), wanted)) << "in half the workspace";
  }
}

TEST(BackendConvolution, asks_for_enough_workspace_where_weights_of_its_shape_are_resident_in_both_forms) {
  const BackendDevice device({0, 0, kDndMixed, kPlenty});
  BackendConvolution spectra({kDndToken, 1, 5, 20, 12, 10, 3});
  spectra.described.algorithm = kDndSpectral;
  spectra.upload(device);
  const std::vector<float> wanted = spectra.run(device);
  const int64_t before = spectra.workspace(device);
  BackendConvolution taps = spectra;
  int64_t used = 0, available = 0;
  device.call(device->memory, &used, &available);
  taps.upload(device, available - 10000);
  EXPECT_GT(spectra.workspace(device), before);
  EXPECT_TRUE(same_bytes(spectra.run(device), wanted));
  EXPECT_TRUE(same_bytes(taps.run(device), wanted));
}

TEST(BackendConvolution, names_need_and_supply_where_not_even_taps_fit) {
  BackendConvolution convolution({kDndToken, 1, 5, 20, 12, 10, 3});
  const BackendDevice device({0, 0, kDndMixed, kPlenty});
  int64_t used = 0, available = 0;
  const DndControl* const none = nullptr;
  const Failure failure =
      device.failure(device->upload_convolution, none, static_cast<const DndConvolution*>(&convolution.described),
                     static_cast<const void*>(convolution.weight.data()), kPlenty - 1000);
  EXPECT_EQ(failure.status, kDndOutOfMemory);
  const std::string sentence = failure.what();
  EXPECT_NE(sentence.find("(1800 bytes)"), std::string::npos) << sentence;  // 10 · 5 · 3 · 3 taps
  EXPECT_NE(sentence.find("(1000 bytes)"), std::string::npos) << sentence;
  device.call(device->memory, &used, &available);
  EXPECT_EQ(used, 0);
}

TEST(BackendConvolution, gives_the_same_bytes_for_any_order_of_threads) {
  std::vector<float> wanted;
  for (uint64_t seed : {1, 2, 3}) {
    dnd_emulator_set_seed(seed);
    const BackendDevice device;
    BackendConvolution convolution({kDndWidth, 1, 6, 4, 25, 9, 3});
    convolution.described.algorithm = kDndSpectral;
    convolution.described.normalised = 1;
    convolution.upload(device);
    const std::vector<float> y = convolution.run(device);
    if (wanted.empty()) wanted = y;
    EXPECT_TRUE(same_bytes(y, wanted)) << "seed " << seed;
  }
}

TEST(BackendConvolution, tells_the_time_of_its_parts) {
  const BackendDevice device;
  BackendConvolution convolution({kDndToken, 1, 2, 3, 4, 2, 3});
  convolution.described.algorithm = kDndSpectral;
  convolution.upload(device);
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
