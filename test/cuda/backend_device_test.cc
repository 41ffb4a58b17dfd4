#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "test/cuda/backend_layer.h"
#include "test/cuda/emulator/control.h"

namespace dnd::test {
namespace {

const DndBackend* table() { return dnd_device_library(); }

/// The sentence of an opening that must fail.
std::string unavailable(const DndDeviceOptions& options = {}) {
  DndStatus status = kDndOk;
  EXPECT_EQ(table()->open(&options, &status), nullptr);
  EXPECT_EQ(status, kDndUnavailable);
  return table()->last_error(nullptr);
}

void expect_to_contain(const std::string& sentence, const std::vector<std::string>& parts) {
  for (const std::string& part : parts) {
    EXPECT_NE(sentence.find(part), std::string::npos) << "no '" << part << "' in: " << sentence;
  }
}

TEST(BackendDevices, are_counted_and_described) {
  dnd_emulator_set_device_count(2);
  int32_t count = 0;
  EXPECT_EQ(table()->count(&count), kDndOk);
  EXPECT_EQ(count, 2);
  DndDeviceDescription description{};
  EXPECT_EQ(table()->describe(1, &description), kDndOk);
  EXPECT_STREQ(description.name, "NVIDIA A100-SXM4-80GB (emulated)");
  EXPECT_EQ(description.compute_major, 8);
  EXPECT_GE(description.driver_version, 13000);
  EXPECT_GE(description.runtime_version, 13000);
  EXPECT_EQ(description.memory_bytes, int64_t{8} << 30);
  EXPECT_STREQ(table()->name, "cuda");
  EXPECT_EQ(table()->version, kDndBackendVersion);
  EXPECT_EQ(table()->host_memory, 0);
}

TEST(BackendDevices, are_unavailable_without_a_driver) {
  dnd_emulator_set_driver_version(0);
  int32_t count = 7;
  EXPECT_EQ(table()->count(&count), kDndUnavailable);
  EXPECT_EQ(count, 0);
  expect_to_contain(table()->last_error(nullptr), {"no NVIDIA driver", "580"});
  expect_to_contain(unavailable(), {"no NVIDIA driver"});
}

TEST(BackendDevices, are_unavailable_with_a_driver_that_is_too_old) {
  dnd_emulator_set_driver_version(12040);
  expect_to_contain(unavailable(), {"12.4", "13.0", "580"});
}

TEST(BackendDevices, are_unavailable_without_a_gpu) {
  dnd_emulator_set_device_count(0);
  expect_to_contain(unavailable(), {"no GPU", "CUDA_VISIBLE_DEVICES"});
}

TEST(BackendDevices, that_are_too_old_are_described_and_refused) {
  dnd_emulator_set_compute_capability(75);
  DndDeviceDescription description{};
  EXPECT_EQ(table()->describe(0, &description), kDndUnavailable);
  EXPECT_STREQ(description.name, "NVIDIA A100-SXM4-80GB (emulated)");
  EXPECT_EQ(description.compute_minor, 5);
  expect_to_contain(unavailable(), {"cuda:0", "7.5", "8.0", "CPU"});
}

TEST(BackendDevices, that_do_not_exist_are_refused_with_those_that_do) {
  expect_to_contain(unavailable({0, 1, kDndMixed, 0}), {"cuda:1", "one", "cuda:0"});
  dnd_emulator_set_device_count(3);
  expect_to_contain(unavailable({0, 3, kDndMixed, 0}), {"cuda:3", "3", "cuda:0 to cuda:2"});
  expect_to_contain(unavailable({0, -1, kDndMixed, 0}), {"cuda:-1"});
}

TEST(BackendDevices, refuse_options_that_make_no_sense) {
  for (const DndDeviceOptions& options :
       {DndDeviceOptions{0, 0, kDndMixed, -1}, DndDeviceOptions{0, 0, static_cast<DndPrecision>(7), 0}}) {
    DndStatus status = kDndOk;
    EXPECT_EQ(table()->open(&options, &status), nullptr);
    EXPECT_EQ(status, kDndInvalidArgument);
  }
}

TEST(BackendMemory, is_counted_and_kept_under_its_limit) {
  const BackendDevice device({0, 0, kDndMixed, 10000});
  int64_t used = -1, available = -1;
  const auto look = [&] { device.call(device->memory, &used, &available); };
  look();
  EXPECT_EQ(used, 0);
  EXPECT_EQ(available, 10000);
  {
    const BackendArray array(device, 1000);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(array.memory()) % 64, 0u);
    look();
    EXPECT_EQ(used, 1024);
    EXPECT_EQ(available, 10000 - 1024);
    void* memory = nullptr;
    const Failure failure = device.failure(device->allocate, size_t{9000}, &memory);
    EXPECT_EQ(failure.status, kDndOutOfMemory);
    expect_to_contain(failure.what(), {"(9000 bytes)", "(8976 bytes)", "limit", "(10000 bytes)"});
  }
  for (size_t bytes : {size_t{1} << 60, SIZE_MAX}) {
    void* memory = nullptr;
    EXPECT_EQ(device.failure(device->allocate, bytes, &memory).status, kDndOutOfMemory);
  }
  look();
  EXPECT_EQ(used, 0);
  const BackendArray none(device, 0);
  EXPECT_NE(none.memory(), nullptr);
}

TEST(BackendMemory, is_what_the_device_has_left_where_there_is_no_limit) {
  dnd_emulator_set_memory_limit(1 << 20);
  const BackendDevice first, second;
  int64_t used = 0, available = 0;
  const BackendArray taken(first, 1 << 19);
  second.call(second->memory, &used, &available);
  EXPECT_EQ(used, 0);
  EXPECT_EQ(available, 1 << 19);
  void* memory = nullptr;
  const Failure failure = second.failure(second->allocate, size_t{600000}, &memory);
  EXPECT_EQ(failure.status, kDndOutOfMemory);
  expect_to_contain(failure.what(), {"(600000 bytes)", "(524288 bytes)"});
}

TEST(BackendMemory, of_a_pass_that_does_not_fit_is_refused_by_need_and_supply_and_smaller_ones_still_run) {
  const BackendLayer layer;
  int64_t used = 0, available = 0, bytes = 0;
  {
    const BackendDevice device;
    layer.upload(device);
    device.call(device->memory, &used, &available);
    bytes = layer.pass_bytes(device);
  }
  const BackendDevice device({0, 0, kDndMixed, used + bytes + 20000});
  layer.upload(device);
  const std::vector<float> wanted = layer.run(device);
  const DndPass large = {9, bytes + 40000};
  int32_t recorded = 0;
  const Failure failure = device.failure(device->begin_pass, &large, &recorded);
  EXPECT_EQ(failure.status, kDndOutOfMemory);
  expect_to_contain(failure.what(), {"forward pass", "free"});
  EXPECT_EQ(layer.run(device), wanted);
}

TEST(BackendMemory, is_all_free_again_after_closing_whatever_was_left) {
  {
    const BackendLayer layer;
    DndStatus status = kDndOk;
    const DndDeviceOptions options{};
    void* const state = table()->open(&options, &status);
    ASSERT_EQ(status, kDndOk);
    void* memory = nullptr;
    EXPECT_EQ(table()->allocate(state, 1000, &memory), kDndOk);
    EXPECT_EQ(table()->upload_values(state, layer.bias.data(), 2), kDndOk);
    const DndPass pass = {1, 5000};
    int32_t recorded = 0;
    EXPECT_EQ(table()->begin_pass(state, &pass, &recorded), kDndOk);
    void* x = nullptr;
    EXPECT_EQ(table()->allocate(state, 3 * 30 * 4, &x), kDndOk);
    const std::vector<float> values(90);
    EXPECT_EQ(table()->upload(state, x, values.data(), 90 * 4), kDndOk);
    void* mean_rstd = nullptr;
    EXPECT_EQ(table()->allocate(state, 9 * 4, &mean_rstd), kDndOk);
    EXPECT_EQ(
        table()->norm_statistics(state, nullptr, static_cast<float*>(x), 3, 30, 1e-5f, static_cast<float*>(mean_rstd)),
        kDndOk);
    table()->close(state);
  }
  EXPECT_EQ(dnd_emulator_live_bytes(), 0);
  EXPECT_EQ(dnd_emulator_live_objects(), 0);
}

}  // namespace
}  // namespace dnd::test
