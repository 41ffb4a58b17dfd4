#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "cuda/host/queue.h"
#include "test/cuda/backend_layer.h"
#include "test/cuda/emulator/control.h"
#include "test/cuda/record_error.h"
#include "test/native/counted_control.h"

namespace dnd::test {
namespace {

TEST(BackendPass, computes_a_layer_in_either_precision_and_by_either_algorithm) {
  for (DndPrecision precision : {kDndMixed, kDndFloat32}) {
    const BackendDevice device(precision);
    for (DndAlgorithm algorithm : {kDndDirect, kDndSpectral, kDndAuto}) {
      for (int64_t batch : {1, 3}) {
        const BackendLayer layer{.batch = batch, .algorithm = algorithm, .key = uint64_t(10 * algorithm + batch)};
        device.call(device->invalidate);  // another layer lay at the same addresses
        layer.upload(device);
        const bool exact = precision == kDndFloat32 || algorithm == kDndDirect;
        const double error = relative_error(layer.run(device), layer.expected());
        record_relative_error(error);
        EXPECT_LE(error, exact ? 3e-6 : 1e-3)
            << "precision " << precision << ", algorithm " << algorithm << ", batch " << batch;
      }
    }
  }
}

TEST(BackendPass, is_repeated_for_other_inputs_without_its_operations) {
  const BackendDevice device;
  BackendLayer layer;
  layer.upload(device);
  int32_t recorded = -1;
  const std::vector<float> first = layer.run(device, nullptr, &recorded);
  EXPECT_EQ(recorded, 0);
  layer.seed = 2;
  const std::vector<float> other = layer.run(device, nullptr, &recorded);
  EXPECT_EQ(recorded, 1);
  EXPECT_LE(relative_error(other, layer.expected()), 1e-3);
  layer.seed = 1;
  EXPECT_TRUE(same_bytes(layer.run(device), first));
}

TEST(BackendPass, gives_the_same_bytes_after_other_passes_growth_and_invalidation) {
  const BackendDevice device;
  BackendLayer layer;
  layer.upload(device);
  const auto run = [&](int64_t batch, int64_t extra_bytes, int32_t recorded_before) {
    layer.batch = batch;
    layer.key = static_cast<uint64_t>(batch + extra_bytes);
    layer.extra_bytes = extra_bytes;
    int32_t recorded = -1;
    const std::vector<float> y = layer.run(device, nullptr, &recorded);
    EXPECT_EQ(recorded, recorded_before) << "batch " << batch << ", " << extra_bytes << " bytes more";
    return y;
  };
  constexpr int64_t kMore = 1 << 20;
  run(2, 0, 0);
  const std::vector<float> one = run(1, 0, 0), two = run(2, 0, 1);
  EXPECT_TRUE(same_bytes(run(1, 0, 1), one));
  EXPECT_TRUE(same_bytes(run(2, 0, 1), two));
  EXPECT_TRUE(same_bytes(run(1, kMore, 0), one));
  EXPECT_TRUE(same_bytes(run(1, 0, 0), one)) << "after the memory of passes was made anew";
  EXPECT_TRUE(same_bytes(run(1, 0, 1), one));
  device.call(device->invalidate);
  layer.upload(device);
  EXPECT_TRUE(same_bytes(run(1, 0, 0), one));
}

TEST(BackendPass, knows_changed_parameters_after_an_invalidation) {
  const BackendDevice device;
  BackendLayer layer;
  layer.upload(device);
  layer.run(device);
  layer.over_height = random_values(static_cast<int64_t>(layer.over_height.size()), 99);
  layer.bias = random_values(static_cast<int64_t>(layer.bias.size()), 98);
  device.call(device->invalidate);
  layer.upload(device);
  EXPECT_LE(relative_error(layer.run(device), layer.expected()), 1e-3);
}

TEST(BackendPass, finds_room_where_allocations_have_left_holes) {
  const BackendDevice device;
  const DndPass pass = {7, 4096};
  for (int repeat = 0; repeat < 2; ++repeat) {
    int32_t recorded = 0;
    device.call(device->begin_pass, &pass, &recorded);
    std::vector<BackendArray> pieces;
    for (int i = 0; i < 80; ++i) pieces.emplace_back(device, 256);
    const BackendArray whole(device, 16384);
    const std::vector<float> values = random_values(4096, 5);
    whole.upload(values);
    device.call(device->end_pass, static_cast<const DndControl*>(nullptr), int32_t{1});
    EXPECT_EQ(whole.download(4096), values);
  }
}

TEST(BackendPass, keeps_the_passes_used_last) {
  const BackendDevice device;
  BackendLayer layer;
  layer.algorithm = kDndDirect;
  layer.upload(device);
  int32_t recorded = 0;
  for (layer.key = 1; layer.key <= 40; ++layer.key) layer.run(device);
  layer.key = 40;
  layer.run(device, nullptr, &recorded);
  EXPECT_EQ(recorded, 1);
  layer.key = 1;
  layer.run(device, nullptr, &recorded);
  EXPECT_EQ(recorded, 0);
}

TEST(BackendPass, reports_all_of_its_multiply_adds_when_recorded_and_when_repeated) {
  const BackendDevice device;
  const BackendLayer layer;
  layer.upload(device);
  double direct = 0;
  for (const ConvolutionCase& c : {layer.width_case(), layer.height_case(), layer.token_case()}) {
    const auto inside = [](int64_t size) { return static_cast<double>(3 * size - 2); };  // taps inside, kernel 3
    const double plane = c.axis == kDndWidth    ? inside(c.height) * inside(c.tokens)
                         : c.axis == kDndHeight ? inside(c.tokens) * inside(c.width)
                                                : inside(c.height) * inside(c.width);
    direct += static_cast<double>(c.channels() * c.outs) * plane;
  }
  for (int repeat = 0; repeat < 2; ++repeat) {
    CountedControl counted;
    layer.run(device, &counted.control);
    EXPECT_NEAR(counted.done, direct, 1e-6 * direct);
  }
}

TEST(BackendPass, of_many_pieces_gives_the_same_bytes_and_reports_their_multiply_adds_one_by_one) {
  const BackendDevice device;
  const BackendLayer layer{.algorithm = kDndDirect};
  layer.upload(device);
  const std::vector<float> wanted = layer.run(device);
  device.call(device->invalidate);
  layer.upload(device);
  const ShortPieces pieces;
  EXPECT_TRUE(same_bytes(layer.run(device), wanted));
  std::vector<double> progress;
  const DndControl control{&progress, nullptr, [](void* context, double done) {
                             static_cast<std::vector<double>*>(context)->push_back(done);
                           }};
  EXPECT_TRUE(same_bytes(layer.run(device, &control), wanted));
  EXPECT_EQ(progress.size(), 4u) << "norm_statistics and three convolutions, a graph each";
  EXPECT_EQ(progress[0], 0);
  EXPECT_GT(progress[1], 0);
}

TEST(BackendPass, says_what_is_wrong_about_its_use) {
  const BackendDevice device;
  const BackendLayer layer;
  layer.upload(device);
  const DndPass pass = {5, layer.pass_bytes(device)};
  int32_t recorded = 0;
  EXPECT_EQ(device.failure(device->end_pass, static_cast<const DndControl*>(nullptr), int32_t{1}).status, kDndInternal);
  device.call(device->begin_pass, &pass, &recorded);
  EXPECT_EQ(device.failure(device->begin_pass, &pass, &recorded).status, kDndInternal);
  EXPECT_EQ(device.failure(device->invalidate).status, kDndInternal);
  EXPECT_EQ(device.failure(device->upload_values, layer.bias.data(), int64_t{2}).status, kDndInternal);
  const BackendArray x(device, layer.x()), y(device, layer.inputs() * 4);
  std::vector<float> host(1);
  EXPECT_EQ(
      device.failure(device->download, static_cast<void*>(host.data()), static_cast<const void*>(x.memory()), size_t{4})
          .status,
      kDndInternal);
  const DndControl* const none = nullptr;
  // The weight is not resident: the operation fails, and so does the pass that lacks it.
  const std::vector<float> stranger = random_values(30, 3);
  const Failure failure = device.failure(device->layer_norm, none, static_cast<const float*>(x.floats()), int64_t{3},
                                         int64_t{30}, stranger.data(), stranger.data(), 1e-5f, y.floats());
  EXPECT_EQ(failure.status, kDndInternal);
  EXPECT_NE(std::string(failure.what()).find("the weight of a LayerNorm was not uploaded"), std::string::npos)
      << failure.what();
  EXPECT_EQ(device.failure(device->end_pass, none, int32_t{1}).status, kDndInternal);
  EXPECT_LE(relative_error(layer.run(device), layer.expected()), 1e-3);
}

}  // namespace
}  // namespace dnd::test
