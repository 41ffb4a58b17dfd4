#include <gtest/gtest.h>

#include <vector>

#include "core/status.h"
#include "cuda/host/arena.h"
#include "cuda/host/best_fit.h"

namespace dnd::cuda {
namespace {

TEST(BestFit, takes_the_smallest_hole_and_gives_it_back) {
  BestFit places(10 * 256);
  EXPECT_EQ(places.take(0), 0u);
  EXPECT_EQ(places.take(700), 256u);
  EXPECT_EQ(places.take(256), 4 * 256u);
  EXPECT_EQ(places.take(1), 5 * 256u);
  EXPECT_EQ(places.take(257), 6 * 256u);
  EXPECT_TRUE(places.give_back(256));
  EXPECT_FALSE(places.give_back(256));
  EXPECT_TRUE(places.give_back(5 * 256));
  EXPECT_EQ(places.take(200), 5 * 256u) << "one granule, and not the three before it or the two at the end";
  EXPECT_EQ(places.take(3 * 256), 256u);
  EXPECT_EQ(places.take(3 * 256), BestFit::kNone);
  EXPECT_EQ(places.take(SIZE_MAX), BestFit::kNone);
  EXPECT_EQ(places.take(2 * 256), 8 * 256u);
  EXPECT_EQ(places.take(1), BestFit::kNone);
  places.clear();
  EXPECT_EQ(places.take(10 * 256), 0u);
}

TEST(Arena, gives_the_same_addresses_to_the_same_calls_after_others) {
  DeviceMemory memory(1 << 20);
  Arena arena(memory);
  EXPECT_TRUE(arena.reset(100000));
  const auto sequence = [&] {
    std::vector<void*> addresses = {arena.take(30000), arena.take(10000), arena.take(50000)};
    EXPECT_TRUE(arena.give_back(addresses[1]));
    addresses.push_back(arena.take(5000));
    // There is space for this one only beside all others.
    if (void* const there = arena.take(90000)) {
      addresses.push_back(there);
    } else {
      arena.extend(90000);
      addresses.push_back(arena.take(90000));
    }
    addresses.push_back(arena.take(4000));
    return addresses;
  };
  const std::vector<void*> first = sequence();
  for (void* address : first) EXPECT_NE(address, nullptr);
  EXPECT_FALSE(arena.reset(1000));
  EXPECT_NE(arena.take(777), nullptr);
  EXPECT_FALSE(arena.reset(90000));
  EXPECT_EQ(sequence(), first);
  int elsewhere = 0;
  EXPECT_FALSE(arena.give_back(&elsewhere));
}

TEST(Arena, has_nothing_left_when_it_cannot_grow) {
  DeviceMemory memory(100000);
  Arena arena(memory);
  EXPECT_TRUE(arena.reset(50000));
  EXPECT_THROW(arena.reset(200000), Error);
  EXPECT_EQ(arena.bytes(), 0);
  EXPECT_EQ(memory.used(), 0);
  EXPECT_EQ(arena.take(1), nullptr);
  EXPECT_TRUE(arena.reset(50000));
  EXPECT_THROW(arena.extend(90000), Error);
  EXPECT_NE(arena.take(50000), nullptr);
}

}  // namespace
}  // namespace dnd::cuda
