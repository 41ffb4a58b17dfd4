#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>

#include "test/cuda/backend_layer.h"
#include "test/cuda/emulator/control.h"

/// Every runtime call of a whole life of a device made to fail, one after the other.
namespace dnd::test {
namespace {

/// Runs work(), whose n-th runtime call fails, for n = 1, 2, … until it makes fewer calls. `afterwards` sees the world
/// after each failure. Returns how many of the failures were reported.
int64_t with_each_call_failing(const std::vector<float>& wanted, const std::function<std::vector<float>()>& work,
                               const std::function<void()>& afterwards) {
  int64_t told = 0;
  for (int64_t n = 1;; ++n) {
    dnd_emulator_fail_at(n);
    const int64_t before = dnd_emulator_calls();
    std::optional<Failure> failure;
    try {
      EXPECT_TRUE(same_bytes(work(), wanted)) << "call " << n << " failed, and the result is wrong";
    } catch (const Failure& found) {
      failure = found;
    }
    const int64_t calls = dnd_emulator_calls() - before;
    dnd_emulator_fail_at(0);
    if (failure) {
      ++told;
      EXPECT_NE(std::string(failure->what()).find("cuda"), std::string::npos) << failure->what();
      EXPECT_NE(failure->status, kDndInvalidArgument) << failure->what();
      EXPECT_NE(failure->status, kDndAborted) << failure->what();
    }
    EXPECT_STREQ(dnd_emulator_failure(), "") << "call " << n << " failed";
    afterwards();
    if (testing::Test::HasFailure()) {
      ADD_FAILURE() << "after call " << n << ": " << (failure ? failure->what() : "nothing was told");
      return told;
    }
    if (calls < n) {
      EXPECT_FALSE(failure);
      return told;
    }
  }
}

void expect_nothing_left() {
  EXPECT_EQ(dnd_emulator_live_bytes(), 0);
  EXPECT_EQ(dnd_emulator_live_host_bytes(), 0);
  EXPECT_EQ(dnd_emulator_live_objects(), 0);
}

/// Something of an encoder, outside passes: a linear layer and its LayerNorm.
std::vector<float> encode(const BackendDevice& device, const BackendLayer& layer) {
  const std::vector<float> weight(layer.over_width.begin(), layer.over_width.begin() + 40);  // [8, 5]
  device.call(device->upload_linear, DndWeight{weight.data()}, int64_t{8}, int64_t{5});
  const BackendArray x(device, layer.x()), y(device, 18 * 8 * 4);
  const DndControl* const control = nullptr;
  device.call(device->linear, control, static_cast<const float*>(x.floats()), int64_t{18}, int64_t{5},
              DndWeight{weight.data()}, static_cast<const float*>(nullptr), int64_t{8}, kDndGelu,
              static_cast<const float*>(nullptr), y.floats());
  device.call(device->layer_norm, control, static_cast<const float*>(y.floats()), int64_t{18}, int64_t{8},
              layer.norm_weight.data(), layer.norm_bias.data(), 1e-5f, y.floats());
  device.call(device->synchronise);
  return y.download(18 * 8);
}

std::vector<float> whole_life(const BackendLayer& layer) {
  int32_t count = 0;
  const DndBackend* const table = dnd_device_library();
  if (const DndStatus status = table->count(&count)) throw Failure(status, table->last_error(nullptr));
  const BackendDevice device;
  layer.upload(device);
  std::vector<float> y = layer.run(device);
  const std::vector<float> again = layer.run(device);
  EXPECT_TRUE(same_bytes(y, again));
  const std::vector<float> encoded = encode(device, layer);
  y.insert(y.end(), encoded.begin(), encoded.end());
  return y;
}

TEST(BackendFailure, of_any_call_in_a_life_is_told_and_leaves_nothing_behind) {
  const BackendLayer layer{.algorithm = kDndDirect};
  const std::vector<float> wanted = whole_life(layer);
  const int64_t calls = dnd_emulator_calls();
  EXPECT_GT(calls, 60);
  const int64_t told = with_each_call_failing(
      wanted, [&] { return whole_life(layer); },
      [&] {
        expect_nothing_left();
        EXPECT_TRUE(same_bytes(whole_life(layer), wanted));
      });
  EXPECT_GE(told, calls - 2) << "only what waits before closing may fail unseen";
}

TEST(BackendFailure, of_any_call_leaves_an_open_device_as_good_as_before) {
  const BackendLayer layer{.algorithm = kDndDirect};
  const BackendDevice device;
  layer.upload(device);
  const std::vector<float> wanted = layer.run(device);
  const int64_t bytes = dnd_emulator_live_bytes(), objects = dnd_emulator_live_objects();
  const auto again = [&] {
    device.call(device->invalidate);
    layer.upload(device);
    layer.run(device);
    return layer.run(device);
  };
  with_each_call_failing(wanted, again, [&] {
    EXPECT_TRUE(same_bytes(again(), wanted));
    EXPECT_EQ(dnd_emulator_live_bytes(), bytes);
    EXPECT_EQ(dnd_emulator_live_objects(), objects);
  });
}

TEST(BackendFailure, while_spectra_are_made_and_used_leaves_nothing_behind) {
  constexpr ConvolutionCase kShape = {kDndToken, 1, 2, 3, 4, 2, 3};
  const std::vector<float> x = random_values(kShape.inputs(), 1), weight = random_values(kShape.weights(), 2);
  const auto life = [&] {
    const BackendDevice device;
    DndConvolution convolution = convolution_of(kShape);
    convolution.algorithm = kDndSpectral;
    const DndControl* const control = nullptr;
    device.call(device->upload_convolution, control, &convolution, weight.data(), int64_t{0});
    int64_t bytes = 0, sufficient = 0;
    device.call(device->convolution_workspace, &convolution, &bytes, &sufficient);
    const BackendArray from(device, x), workspace(device, bytes), y(device, kShape.outputs() * 4);
    const DndConvolutionOperands operands = {
        .x = from.floats(), .weight = weight.data(), .y = y.floats(), .workspace = workspace.memory()};
    device.call(device->convolution, control, &convolution, &operands);
    return y.download(kShape.outputs());
  };
  const std::vector<float> wanted = life();
  EXPECT_LE(relative_error(wanted, naive_convolution(kShape, x, weight)), 1e-3);
  with_each_call_failing(wanted, life, expect_nothing_left);
  EXPECT_TRUE(same_bytes(life(), wanted));
}

}  // namespace
}  // namespace dnd::test
