#include <gtest/gtest.h>

#include <thread>

#include "test/cuda/backend_layer.h"
#include "test/cuda/emulator/control.h"

namespace dnd::test {
namespace {

TEST(BackendThreads, use_two_states_of_one_device_at_once_with_the_same_bytes) {
  std::vector<float> alone[2];
  for (int i : {0, 1}) {
    const BackendDevice device;
    const BackendLayer layer{.algorithm = i == 0 ? kDndDirect : kDndSpectral, .seed = uint32_t(1 + i)};
    layer.upload(device);
    alone[i] = layer.run(device);
  }
  std::vector<float> together[2];
  std::thread threads[2];
  for (int i : {0, 1}) {
    threads[i] = std::thread([i, &together] {
      const BackendDevice device;
      const BackendLayer layer{.algorithm = i == 0 ? kDndDirect : kDndSpectral, .seed = uint32_t(1 + i)};
      layer.upload(device);
      // The thread with less to do takes its turns while the other one records, runs and waits.
      for (int repeat = 0; repeat < (i == 0 ? 20 : 3); ++repeat) together[i] = layer.run(device);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(together[0], alone[0]);
  EXPECT_EQ(together[1], alone[1]);
}

TEST(BackendThreads, hand_a_device_from_one_to_the_next) {
  const BackendDevice device;
  const BackendLayer layer{.algorithm = kDndDirect};
  std::vector<float> found[3];
  std::thread([&] { layer.upload(device); }).join();
  for (std::vector<float>& y : found) std::thread([&] { y = layer.run(device); }).join();
  EXPECT_LE(relative_error(found[0], layer.expected()), 3e-6);
  EXPECT_EQ(found[1], found[0]);
  EXPECT_EQ(found[2], found[0]);
}

TEST(BackendThreads, are_told_of_their_own_failures) {
  const BackendDevice device;
  std::string here, there;
  int64_t bytes = 0, sufficient = 0;
  DndConvolution wrong = convolution_of({kDndToken, 1, 2, 3, 4, 2, 3});
  wrong.kernel_size = 2;
  here = device.failure(device->convolution_workspace, static_cast<const DndConvolution*>(&wrong), &bytes, &sufficient)
             .what();
  std::thread([&] {
    wrong.kernel_size = 4;
    there =
        device.failure(device->convolution_workspace, static_cast<const DndConvolution*>(&wrong), &bytes, &sufficient)
            .what();
  }).join();
  EXPECT_NE(there, here);
  EXPECT_EQ(device->last_error(device.state()), here);
}

}  // namespace
}  // namespace dnd::test
