#include <gtest/gtest.h>

#include <algorithm>

#include "test/cuda/backend_convolution.h"
#include "test/cuda/backend_layer.h"
#include "test/cuda/emulator/control.h"
#include "test/native/counted_control.h"

namespace dnd::test {
namespace {

TEST(BackendCancellation, stops_a_convolution_before_each_launch_and_while_weights_are_uploaded) {
  const BackendDevice device(kDndFloat32);
  BackendConvolution convolution({kDndToken, 1, 2, 3, 4, 2, 3});
  convolution.described.algorithm = kDndSpectral;
  CountedControl counted;
  counted.cancel_after = 0;
  EXPECT_THROW(convolution.upload(device, 0, &counted.control), Failure);
  convolution.upload(device);
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

TEST(BackendCancellation, stops_a_pass_wherever_it_is_and_the_next_one_is_right) {
  const BackendDevice device;
  const BackendLayer layer{.algorithm = kDndDirect};
  layer.upload(device);
  const std::vector<float> wanted = layer.run(device);
  const ShortPieces pieces;
  for (bool recorded : {false, true}) {
    int64_t after = 0;
    for (;; ++after) {
      device.call(device->invalidate);
      layer.upload(device);
      if (recorded) layer.run(device);
      CountedControl counted;
      counted.cancel_after = after;
      const int64_t launches = dnd_emulator_launches();
      try {
        EXPECT_TRUE(same_bytes(layer.run(device, &counted.control), wanted));
        break;
      } catch (const Failure& failure) {
        EXPECT_EQ(failure.status, kDndAborted);
        EXPECT_LE(dnd_emulator_launches() - launches, std::min<int64_t>(after, 4)) << "it went on";
      }
      EXPECT_TRUE(same_bytes(layer.run(device), wanted)) << "after " << after;
    }
    EXPECT_GT(after, recorded ? 4 : 8) << "it was asked too seldom";
  }
}

}  // namespace
}  // namespace dnd::test
