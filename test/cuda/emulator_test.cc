/// The emulator finds what would go wrong on a device: every test plants a fault in a small kernel.

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "core/status.h"
#include "test/cuda/device_buffer.h"
#include "toolkit/device_code.h"
#include "toolkit/ptx.h"

namespace dnd::test {
namespace {

using namespace dnd::cuda;

/// The failure that `run` must end in; the device is fresh afterwards.
template <typename Run>
std::string failure_of(Run run) {
  try {
    run();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInternal) << error.what();
    dnd_emulator_reset();
    return error.what();
  }
  return "nothing";
}

void expect_contains(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << text;
}

struct Values {
  float* values;
  int fault;
};

/// Turns the block's values round through shared memory; with a fault it forgets the barrier.
void turn_round(Values arguments) {
  float* shared = shared_memory<float>();
  const unsigned thread = thread_index().x, threads = block_size().x;
  float* values = arguments.values + block_index().x * threads;
  shared[thread] = values[thread];
  if (arguments.fault == 0) block_barrier();
  values[thread] = shared[threads - 1 - thread];
}

std::vector<float> turned(int fault) {
  std::vector<float> values(3 * 64);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  const DeviceBuffer<float> buffer(values);
  run_kernel("turn_round", turn_round, {3}, 64, 64 * sizeof(float), Values{buffer.data(), fault});
  return buffer.download();
}

TEST(Emulator, RunsEveryThreadOfEveryBlock) {
  const auto result = same_for_every_order([] { return turned(0); }, 20);
  for (size_t i = 0; i < result.size(); ++i) EXPECT_EQ(result[i], static_cast<float>(i / 64 * 64 + 63 - i % 64));
}

TEST(Emulator, ShowsAMissingBarrier) {
  const auto right = turned(0);
  std::set<std::vector<uint32_t>> outcomes;
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    dnd_emulator_set_seed(seed);
    const auto wrong = turned(1);
    std::vector<uint32_t> bits(wrong.size());
    std::memcpy(bits.data(), wrong.data(), wrong.size() * 4);
    EXPECT_NE(std::memcmp(wrong.data(), right.data(), right.size() * 4), 0) << "seed " << seed;
    outcomes.insert(bits);
  }
  EXPECT_GT(outcomes.size(), 5u);
}

TEST(Emulator, GivesTheSameForTheSameSeedEvenWhereTheOrderMatters) {
  std::set<std::vector<uint32_t>> outcomes;
  for (int round = 0; round < 3; ++round) {
    dnd_emulator_set_seed(7);
    const auto values = turned(1);
    std::vector<uint32_t> bits(values.size());
    std::memcpy(bits.data(), values.data(), values.size() * 4);
    outcomes.insert(bits);
  }
  EXPECT_EQ(outcomes.size(), 1u);
}

/// Lane l of each warp takes what lane l ^ 1 wrote; with a fault without a barrier.
void swap_neighbours(Values arguments) {
  float* shared = shared_memory<float>();
  const unsigned thread = thread_index().x;
  shared[thread] = static_cast<float>(thread);
  if (arguments.fault == 0) warp_barrier();
  arguments.values[thread] = shared[thread ^ 1];
}

TEST(Emulator, ShowsAMissingWarpBarrier) {
  for (const int fault : {0, 1}) {
    const DeviceBuffer<float> buffer(64);
    run_kernel("swap_neighbours", swap_neighbours, {1}, 64, 64 * sizeof(float), Values{buffer.data(), fault});
    const auto result = buffer.download();
    int wrong = 0;
    for (unsigned i = 0; i < 64; ++i) wrong += result[i] != static_cast<float>(i ^ 1);
    EXPECT_EQ(wrong != 0, fault == 1);
  }
}

void write_at(Values arguments) {
  if (thread_index().x == 3) arguments.values[arguments.fault] = 1;
}

TEST(Emulator, FindsAWriteOutsideOfAnAllocation) {
  for (const int index : {-1, 100, 200}) {
    const std::string failure = failure_of([&] {
      const DeviceBuffer<float> other(10);
      const DeviceBuffer<float> buffer(100);
      run_kernel("write_at", write_at, {1}, 32, 0, Values{buffer.data(), index});
    });
    expect_contains(failure, "kernel \"write_at\" wrote");
    expect_contains(failure, "allocation 2 (400 bytes)");
  }
}

TEST(Emulator, LetsAKernelWriteTheWholeAllocation) {
  const DeviceBuffer<float> buffer(100);
  for (const int index : {0, 99}) run_kernel("write_at", write_at, {1}, 32, 0, Values{buffer.data(), index});
}

void write_shared_at(Values arguments) {
  if (thread_index().x == 3) shared_memory<float>()[arguments.fault] = 1;
}

TEST(Emulator, FindsAWriteOutsideOfSharedMemory) {
  for (const int index : {-1, 50, 100}) {
    const std::string failure = failure_of([&] {
      run_kernel("write_shared_at", write_shared_at, {2}, 32, 50 * sizeof(float), Values{nullptr, index});
    });
    expect_contains(failure, "kernel \"write_shared_at\", block (");
    expect_contains(failure, "shared memory");
  }
  run_kernel("write_shared_at", write_shared_at, {2}, 32, 50 * sizeof(float), Values{nullptr, 49});
}

void read_shared(Values arguments) {
  const unsigned thread = thread_index().x;
  if (thread != 5) shared_memory<float>()[thread] = 1;
  block_barrier();
  arguments.values[block_index().x * 32 + thread] = shared_memory<float>()[thread];
}

TEST(Emulator, MakesUnwrittenSharedMemoryNan) {
  const DeviceBuffer<float> buffer(64);
  run_kernel("read_shared", read_shared, {2}, 32, 32 * sizeof(float), Values{buffer.data(), 0});
  const auto result = buffer.download();
  for (size_t i = 0; i < 64; ++i) EXPECT_EQ(std::isnan(result[i]), i % 32 == 5) << i;
}

struct Copy {
  const float* from;
  float* to;
  int shift;
};

void copy_shifted(Copy arguments) {
  arguments.to[thread_index().x] = arguments.from[thread_index().x + arguments.shift];
}

TEST(Emulator, MakesUnwrittenMemoryAndWhatLiesBesideItNan) {
  const DeviceBuffer<float> unwritten(32), result(32);
  run_kernel("copy_shifted", copy_shifted, {1}, 32, 0, Copy{unwritten.data(), result.data(), 0});
  for (const float value : result.download()) EXPECT_TRUE(std::isnan(value));

  const DeviceBuffer<float> written(std::vector<float>(32, 1.0f));
  run_kernel("copy_shifted", copy_shifted, {1}, 32, 0, Copy{written.data(), result.data(), 8});
  const auto values = result.download();
  for (size_t i = 0; i < 32; ++i) EXPECT_EQ(std::isnan(values[i]), i >= 24) << i;
}

/// Two stages copied ahead; with fault n it waits for n groups fewer than it needs.
void copy_ahead(Copy arguments) {
  float* shared = shared_memory<float>();
  const unsigned thread = thread_index().x;
  for (int stage = 0; stage < 2; ++stage) {
    const unsigned place = (stage * 32 + thread) * 4;
    copy_async_16(shared + place, arguments.from + place, thread != 31);
    copy_async_commit();
  }
  if (arguments.shift == 0) copy_async_wait<0>();
  if (arguments.shift == 1) copy_async_wait<1>();
  if (arguments.shift == 2) copy_async_wait<2>();
  block_barrier();
  for (unsigned i = thread; i < 256; i += 32) arguments.to[i] = shared[i];
}

TEST(Emulator, CopiesAsynchronouslyWhenWaitedForAndNotBefore) {
  std::vector<float> values(256);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i + 1);
  const DeviceBuffer<float> from(values);
  for (const int missing : {0, 1, 2}) {
    const DeviceBuffer<float> to(256);
    run_kernel("copy_ahead", copy_ahead, {1}, 32, 1024, Copy{from.data(), to.data(), missing});
    const auto result = to.download();
    for (size_t i = 0; i < 256; ++i) {
      if (i / 128 + static_cast<size_t>(missing) >= 2) {
        EXPECT_TRUE(std::isnan(result[i])) << i;
      } else {
        EXPECT_EQ(result[i], i % 128 / 4 == 31 ? 0 : values[i]) << i;
      }
    }
  }
}

void copy_badly(Copy arguments) {
  auto* shared = shared_memory<unsigned char>();
  const auto* from = reinterpret_cast<const unsigned char*>(arguments.from);
  if (arguments.shift == 0) copy_async_16(shared + 8, from, true);
  if (arguments.shift == 1) copy_async_16(shared, from + 4, true);
  if (arguments.shift == 2) copy_async_16(shared + 64, from, true);
  if (arguments.shift == 3) copy_async_16(shared, from + 64, true);
  if (arguments.shift == 4) copy_async_16(shared, from + 64, false);
}

TEST(Emulator, LooksAtThePlacesOfAsynchronousCopies) {
  const char* sentences[] = {"to shared memory that is not", "from memory that is not", "outside of the block's",
                             "outside of any allocation", "nothing"};
  for (int fault = 0; fault < 5; ++fault) {
    const std::string failure = failure_of([&] {
      const DeviceBuffer<float> from(16);
      run_kernel("copy_badly", copy_badly, {1}, 1, 64, Copy{from.data(), nullptr, fault});
    });
    expect_contains(failure, sentences[fault]);
  }
}

/// Faults: 1 a thread ends before the barrier, 2 a lane before a warp barrier, 3 lanes at different operations,
/// 4 a lane at the block's barrier while the others are at the warp's.
void diverge(Values arguments) {
  const unsigned thread = thread_index().x;
  if (arguments.fault == 1 && thread == 40) return;
  if (arguments.fault == 2 && thread == 33) return;
  if (arguments.fault == 3 && thread == 34) warp_shuffle(thread, 0);
  if (arguments.fault == 4 && thread == 35) block_barrier();
  if (arguments.fault != 1) warp_barrier();
  block_barrier();
}

TEST(Emulator, FindsBarriersThatNotAllThreadsReach) {
  const auto run = [](int fault) {
    return failure_of([&] { run_kernel("diverge", diverge, {2, 2}, 64, 0, Values{nullptr, fault}); });
  };
  EXPECT_EQ(run(0), "nothing");
  expect_contains(run(1), "waits at block_barrier, which thread 40 left out and ended");
  expect_contains(run(2), "waits at warp_barrier, which thread 33 of its warp left out and ended");
  expect_contains(run(3), "warp_");
  expect_contains(run(4), "waits at warp_barrier, but thread 35 of its warp waits at block_barrier");
  expect_contains(run(4), "kernel \"diverge\", block (");
  expect_contains(failure_of([] {
                    run_kernel("diverge", diverge, {1}, 48, 0, Values{nullptr, 0});
                  }),
                  "warp_barrier in a warp of 16 threads");
}

TEST(Emulator, GoesOnAfterAFailedKernel) {
  failure_of([] { run_kernel("diverge", diverge, {1}, 64, 0, Values{nullptr, 1}); });
  EXPECT_EQ(turned(0).size(), 192u);
}

void reduce(Values arguments) {
  const unsigned lane = lane_index();
  float value = static_cast<float>(1u << lane % 16);
  for (unsigned mask = 16; mask > 0; mask /= 2) value += warp_shuffle_xor(value, mask);
  arguments.values[thread_index().x] = value + warp_shuffle(static_cast<float>(lane), 3);
}

TEST(Emulator, ShufflesValuesBetweenLanes) {
  const auto sums = same_for_every_order([] {
    const DeviceBuffer<float> buffer(96);
    run_kernel("reduce", reduce, {1}, 96, 0, Values{buffer.data(), 0});
    return buffer.download();
  });
  for (const float sum : sums) EXPECT_EQ(sum, 2 * 65535 + 3);
}

}  // namespace
}  // namespace dnd::test
