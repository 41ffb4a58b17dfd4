#include "model/pass_memory.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <utility>
#include <vector>

namespace dnd {
namespace {

/// Arrays of 300, 100 and 1000 bytes; then the first is replaced by one that fits its gap, the second by one that does
/// not.
std::vector<PassArray> arrays_of(PassMemory& memory) {
  std::vector<PassArray> arrays;
  for (const int64_t bytes : {300, 100, 1000}) arrays.push_back(memory.bytes(bytes));
  arrays[0].reset();
  arrays[0] = memory.bytes(400);
  arrays[1].reset();
  arrays[1] = memory.floats(65);
  return arrays;
}

TEST(PassMemory, that_only_counts_reports_peak_bytes_and_the_size_of_a_block) {
  PassMemory counted;
  {
    const std::vector<PassArray> arrays = arrays_of(counted);
    for (const PassArray& array : arrays) EXPECT_EQ(array.data(), nullptr);
    EXPECT_EQ(counted.peak_bytes(), 400 + 260 + 1000);
    EXPECT_EQ(counted.block_bytes(), 512 + 256 + 1024 + 512);
  }
  const PassArray again = counted.bytes(1500);
  EXPECT_EQ(counted.peak_bytes(), 400 + 260 + 1000) << "arrays that are gone were counted";
}

TEST(PassMemory, of_a_block_is_allocated_first_fit) {
  alignas(64) char block[512 + 256 + 1024 + 512];
  PassMemory memory(block);
  const std::vector<PassArray> arrays = arrays_of(memory);
  EXPECT_EQ(arrays[0].memory(), block);
  EXPECT_EQ(arrays[1].memory(), block + 512 + 256 + 1024);
  EXPECT_EQ(arrays[2].memory(), block + 512 + 256);
  EXPECT_EQ(memory.bytes(0).memory(), block + 512);
  EXPECT_EQ(memory.bytes(256).memory(), block + 512) << "an array that is gone still has its address";
}

TEST(PassMemory, of_a_device_allocates_each_array_and_frees_it_with_the_object) {
  const Device device(1);
  const auto used = [&] { return device.memory_beside(0).used; };
  PassMemory memory(device);
  {
    PassArray first = memory.floats(1'000'000);
    const int64_t one = used();
    EXPECT_GE(one, 4'000'000);
    first.data()[999'999] = 1;
    const PassArray second = memory.floats(1'000'000);
    EXPECT_NE(first.data(), second.data());
    EXPECT_EQ(used(), 2 * one);
    const PassArray moved = std::move(first);
    EXPECT_EQ(moved.data()[999'999], 1);
    EXPECT_EQ(used(), 2 * one);
  }
  EXPECT_EQ(used(), 0);
  EXPECT_EQ(memory.peak_bytes(), 8'000'000);
}

}  // namespace
}  // namespace dnd
