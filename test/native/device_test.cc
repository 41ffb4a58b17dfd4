#include "model/device.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <string>

#include "resident_bytes.h"

namespace dnd {
namespace {

using test::resident_bytes;

TEST(Device, gives_aligned_memory_of_any_size) {
  const Device device(1);
  for (int64_t elements : {0, 1, 3, 1000, 300000}) {
    const DeviceArray array(device, elements);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(array.data()) % 64, 0u);
    std::memset(array.memory(), 1, elements * sizeof(float));
  }
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // sanitizers keep their bookkeeping resident
TEST(Device, returns_the_memory_of_a_destroyed_array_to_the_system) {
  const Device device(1);
  const int64_t bytes = int64_t{64} << 20, before = resident_bytes();
  DeviceArray array = DeviceArray::of_bytes(device, bytes);
  std::memset(array.memory(), 1, bytes);
  EXPECT_GT(resident_bytes(), before + bytes * 9 / 10);
  DeviceArray moved = std::move(array);
  moved.reset();
  EXPECT_LT(resident_bytes(), before + bytes / 10);
}
#endif

TEST(Device, reports_how_much_memory_could_not_be_allocated) {
  const Device device(1);
  for (size_t bytes : {size_t{1} << 60, SIZE_MAX - 100, SIZE_MAX}) {
    try {
      DeviceArray::of_bytes(device, bytes);
      FAIL() << "an exabyte was given";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kOutOfMemory);
      EXPECT_NE(std::string(error.what()).find("MiB"), std::string::npos) << error.what();
    }
  }
}

TEST(Device, throws_with_the_message_of_a_failed_operation) {
  const Device device(1);
  const DndConvolution even = {kDndWidth, 1, 2, 3, 4, 5, 2, 0, kDndStore, kDndAuto, int64_t{1} << 30};
  int64_t bytes, sufficient;
  try {
    device.call(device->convolution_workspace, &even, &bytes, &sufficient);
    FAIL() << "an even kernel was accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_STREQ(error.what(), "convolution: the kernel size is 2; it must be odd and positive");
  }
}

TEST(Device, rejects_a_backend_interface_of_another_version_by_name) {
  DndBackend newer = *cpu_backend();
  newer.version = kDndBackendVersion + 1;
  newer.name = "tomorrow";
  try {
    const Device device({&newer, {}});
    FAIL() << "the table was accepted";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("'tomorrow' has backend interface version"), std::string::npos);
  }
}

TEST(Device, rejects_an_invalid_number_of_threads) { EXPECT_THROW(Device(-3), Error); }

}  // namespace
}  // namespace dnd
