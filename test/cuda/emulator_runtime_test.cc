/// The emulated runtime: work runs when it is waited for, memory is counted, calls fail where a test requests it.

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "core/status.h"
#include "test/cuda/device_buffer.h"
#include "test/cuda/emulator/control.h"
#include "toolkit/device_code.h"

namespace dnd::test {
namespace {

using namespace dnd::cuda;

void expect_failure(ErrorCode code, const std::string& part, const std::function<void()>& call) {
  try {
    call();
    ADD_FAILURE() << "did not fail: " << part;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
  }
}

struct Add {
  float* values;
  float addend;
};
void add(Add arguments) {
  float& value = arguments.values[block_index().x * block_size().x + thread_index().x];
  value = value * 2 + arguments.addend;
}

void queue_add(runtime::Stream stream, const DeviceBuffer<float>& buffer, float addend) {
  launch(stream, "add", add, {2}, 32, 0, Add{buffer.data(), addend});
}

TEST(EmulatedRuntime, RunsNothingBeforeItIsWaitedFor) {
  const DeviceBuffer<float> buffer(std::vector<float>(64, 1.0f));
  const TestStream stream;
  std::vector<float> host(64, 5.0f);
  queue_add(stream, buffer, 1);
  runtime::copy_to_host(stream, host.data(), buffer.data(), 256);
  EXPECT_EQ(dnd_emulator_launches(), 0);
  for (const float value : host) EXPECT_TRUE(std::isnan(value)) << "the host reads before it has waited";
  stream.synchronise();
  EXPECT_EQ(dnd_emulator_launches(), 1);
  EXPECT_EQ(host, std::vector<float>(64, 3.0f));
}

TEST(EmulatedRuntime, ReadsHostMemoryOnlyWhenTheCopyRuns) {
  const DeviceBuffer<float> buffer(4);
  const TestStream stream;
  std::vector<float> host(4, 1.0f);
  runtime::copy_to_device(stream, buffer.data(), host.data(), 16);
  host.assign(4, 2.0f);
  stream.synchronise();
  EXPECT_EQ(buffer.download(), std::vector<float>(4, 2.0f));
}

TEST(EmulatedRuntime, ComesToTheEndWhenAskedAgainAndAgain) {
  const DeviceBuffer<float> buffer(64);
  const TestStream stream;
  for (int i = 0; i < 3; ++i) queue_add(stream, buffer, 1);
  EXPECT_FALSE(runtime::query(stream));
  EXPECT_FALSE(runtime::query(stream));
  EXPECT_TRUE(runtime::query(stream));
}

TEST(EmulatedRuntime, OrdersStreamsByEvents) {
  const DeviceBuffer<float> buffer(std::vector<float>(64, 1.0f));
  for (const bool waits : {true, false}) {
    const TestStream first, second;
    const runtime::Event event = runtime::create_event(true), end = runtime::create_event(true);
    runtime::fill(first, buffer.data(), 0, 256);
    queue_add(first, buffer, 1);
    runtime::record(event, first);
    queue_add(first, buffer, 0);
    if (waits) runtime::wait(second, event);
    queue_add(second, buffer, 3);
    runtime::record(end, second);
    runtime::synchronise(end);
    EXPECT_EQ(runtime::query(event), waits);
    if (waits) {
      EXPECT_EQ(buffer.download(), std::vector<float>(64, 5.0f));
      EXPECT_GE(runtime::elapsed_seconds(event, end), 0);
    } else {
      expect_failure(ErrorCode::kInternal, "cudaErrorNotReady", [&] { runtime::elapsed_seconds(event, end); });
    }
    runtime::destroy(event);
    runtime::destroy(end);
  }
}

TEST(EmulatedRuntime, ReplaysAGraphLikeDirectLaunches) {
  const auto run = [](bool captured) {
    const DeviceBuffer<float> buffer(64), copy(64);
    const TestStream stream;
    std::vector<float> values = random_values(64, 4), result(64);
    const auto work = [&] {
      runtime::copy_to_device(stream, buffer.data(), values.data(), 256);
      queue_add(stream, buffer, 1);
      runtime::copy_on_device(stream, copy.data(), buffer.data(), 256);
      queue_add(stream, copy, 2);
      runtime::copy_to_host(stream, result.data(), copy.data(), 256);
    };
    if (!captured) {
      work();
      stream.synchronise();
      return result;
    }
    runtime::begin_capture(stream);
    work();
    const runtime::Graph graph = runtime::end_capture(stream);
    stream.synchronise();
    EXPECT_EQ(dnd_emulator_launches(), 0);
    for (int round = 0; round < 2; ++round) {
      result.assign(64, 0.0f);
      runtime::launch(graph, stream);
      EXPECT_TRUE(std::isnan(result[0]));
      stream.synchronise();
    }
    runtime::destroy(graph);
    return result;
  };
  const auto replayed = run(true);
  EXPECT_EQ(dnd_emulator_launches(), 4);
  EXPECT_EQ(replayed, run(false));
}

TEST(EmulatedRuntime, RefusesToAllocateReleaseAndWaitWithinACapture) {
  const TestStream stream, other;
  const DeviceBuffer<float> buffer(4);
  const std::vector<std::function<void()>> calls = {
      [] { runtime::release(runtime::allocate(8)); }, [&] { runtime::synchronise(stream); },
      [&] { runtime::synchronise(other); }, [&] { runtime::query(stream); }};
  for (const auto& call : calls) {
    runtime::begin_capture(stream);
    expect_failure(ErrorCode::kInternal, "cudaErrorStreamCaptureUnsupported", call);
    expect_failure(ErrorCode::kInternal, "cudaErrorStreamCaptureInvalidated", [&] { runtime::end_capture(stream); });
  }
  runtime::begin_capture(stream);
  runtime::release(buffer.data());
  expect_failure(ErrorCode::kInternal, "cudaErrorStreamCaptureInvalidated", [&] { runtime::end_capture(stream); });
  EXPECT_EQ(dnd_emulator_live_bytes(), 16);
  // Other threads continue.
  runtime::begin_capture(stream);
  std::thread([] { runtime::release(runtime::allocate(8)); }).join();
  runtime::abandon_capture(stream);
  stream.synchronise();
}

TEST(EmulatedRuntime, FindsMemoryUsedAfterItsRelease) {
  const TestStream stream;
  {
    const DeviceBuffer<float> buffer(64);
    queue_add(stream, buffer, 1);
  }
  expect_failure(ErrorCode::kInternal, "of allocation 1 (256 bytes), which had been released",
                 [&] { stream.synchronise(); });
  dnd_emulator_reset();

  const TestStream again;
  std::vector<float> host(64);
  {
    const DeviceBuffer<float> buffer(64);
    runtime::copy_to_device(again, buffer.data(), host.data(), 256);
  }
  expect_failure(ErrorCode::kInternal, "found its memory released", [&] { again.synchronise(); });
  dnd_emulator_reset();
}

TEST(EmulatedRuntime, FindsWhatIsReleasedTwice) {
  void* memory = runtime::allocate(16);
  runtime::release(memory);
  runtime::release(memory);
  EXPECT_STREQ(dnd_emulator_failure(), "the host released what had not been allocated");
  expect_failure(ErrorCode::kInternal, "cudaErrorLaunchFailure", [] { runtime::allocate(16); });
  dnd_emulator_reset();
}

TEST(EmulatedRuntime, KeepsAFailureUntilAReset) {
  const DeviceBuffer<float> small(32);
  const TestStream stream;
  queue_add(stream, small, 1);
  for (int round = 0; round < 2; ++round) {
    expect_failure(ErrorCode::kInternal, "cudaErrorLaunchFailure: kernel \"add\" wrote", [&] { stream.synchronise(); });
  }
  expect_failure(ErrorCode::kInternal, "cudaErrorLaunchFailure", [&] { queue_add(stream, small, 1); });
  dnd_emulator_reset();
}

TEST(EmulatedRuntime, CountsWhatIsLive) {
  void* first = runtime::allocate(1000);
  void* second = runtime::allocate(50);
  void* host = runtime::allocate_host(30);
  const runtime::Stream stream = runtime::create_stream();
  const runtime::Event event = runtime::create_event(false);
  runtime::begin_capture(stream);
  const runtime::Graph graph = runtime::end_capture(stream);
  EXPECT_EQ(dnd_emulator_live_bytes(), 1050);
  EXPECT_EQ(dnd_emulator_live_host_bytes(), 30);
  EXPECT_EQ(dnd_emulator_live_objects(), 3);
  runtime::release(second);
  runtime::release(first);
  runtime::release_host(host);
  runtime::destroy(event);
  runtime::destroy(graph);
  runtime::destroy(stream);
  EXPECT_EQ(dnd_emulator_live_bytes(), 0);
  EXPECT_EQ(dnd_emulator_live_host_bytes(), 0);
  EXPECT_EQ(dnd_emulator_live_objects(), 0);
  EXPECT_EQ(dnd_emulator_peak_bytes(), 1050);
}

TEST(EmulatedRuntime, HasAsMuchMemoryAsTheTestSays) {
  dnd_emulator_set_memory_limit(1000);
  void* first = runtime::allocate(600);
  EXPECT_EQ(runtime::memory_info().free_bytes, 400);
  EXPECT_EQ(runtime::memory_info().total_bytes, 1000);
  expect_failure(ErrorCode::kOutOfMemory,
                 "cudaMalloc of 401 bytes failed: cudaErrorMemoryAllocation, 400 bytes are free",
                 [] { runtime::allocate(401); });
  runtime::release(runtime::allocate(400));
  runtime::release(first);
}

TEST(EmulatedRuntime, FailsOnceAtTheCallThatATestNames) {
  const auto work = [] {
    runtime::device_count();
    const DeviceBuffer<float> buffer(std::vector<float>(64, 1.0f));
    const TestStream stream;
    queue_add(stream, buffer, 1);
    stream.synchronise();
    return buffer.download();
  };
  work();
  const int64_t calls = dnd_emulator_calls();
  EXPECT_GT(calls, 8);
  for (int64_t call = 1; call <= calls; ++call) {
    dnd_emulator_fail_at(call);
    EXPECT_THROW(work(), Error) << call;
    EXPECT_EQ(dnd_emulator_live_bytes(), 0) << call;
    EXPECT_EQ(dnd_emulator_live_objects(), 0) << call;
    EXPECT_EQ(work(), std::vector<float>(64, 3.0f)) << call;
  }
  dnd_emulator_fail_at(calls + 1);
  work();
  dnd_emulator_fail_at(0);
}

TEST(EmulatedRuntime, SaysWhatIsThereWithoutADriverADeviceOrWithOldOnes) {
  dnd_emulator_set_driver_version(0);
  expect_failure(ErrorCode::kUnavailable, "no NVIDIA driver was found", runtime::device_count);
  dnd_emulator_set_driver_version(12040);
  expect_failure(ErrorCode::kUnavailable, "supports CUDA 12.4 and CUDA 13.0 is needed: install driver 580",
                 runtime::device_count);
  dnd_emulator_set_driver_version(13010);
  EXPECT_EQ(runtime::device_count(), 1);
  dnd_emulator_set_device_count(0);
  expect_failure(ErrorCode::kUnavailable, "shows no GPU", runtime::device_count);
  dnd_emulator_set_device_count(2);
  dnd_emulator_set_compute_capability(86);
  EXPECT_EQ(runtime::properties(1).major * 10 + runtime::properties(1).minor, 86);
  EXPECT_EQ(runtime::properties(1).shared_bytes_per_block, 99 << 10);
  expect_failure(ErrorCode::kInternal, "cudaErrorInvalidDevice", [] { runtime::properties(2); });
}

TEST(EmulatedRuntime, RefusesLaunchesThatNoDeviceTakes) {
  const DeviceBuffer<float> buffer(64);
  const TestStream stream;
  const Add arguments{buffer.data(), 1};
  expect_failure(ErrorCode::kInternal, "launching the kernel \"add\" failed: cudaErrorInvalidConfiguration",
                 [&] { launch(stream, "add", add, {1}, 1056, 0, arguments); });
  expect_failure(ErrorCode::kInternal, "cudaErrorInvalidConfiguration",
                 [&] { launch(stream, "add", add, {0}, 32, 0, arguments); });
  expect_failure(ErrorCode::kInternal, "cudaErrorInvalidConfiguration", [&] {
    launch(stream, "add", add, {1, 65536}, 32, 0, arguments);
  });
  expect_failure(ErrorCode::kInternal, "shared memory",
                 [&] { launch(stream, "add", add, {1}, 32, (163 << 10) + 1, arguments); });
  dnd_emulator_set_device_count(2);
  runtime::set_device(1);
  expect_failure(ErrorCode::kInternal, "cudaErrorInvalidResourceHandle",
                 [&] { launch(stream, "add", add, {1}, 32, 0, arguments); });
  runtime::set_device(0);
}

TEST(EmulatedRuntime, RefusesCopiesBeyondAnAllocation) {
  const DeviceBuffer<float> buffer(4);
  const TestStream stream;
  std::vector<float> host(8);
  const auto expect_refused = [](const std::function<void()>& call) {
    expect_failure(ErrorCode::kInternal, "cudaErrorInvalidValue", call);
  };
  expect_refused([&] { runtime::copy_to_device(stream, buffer.data(), host.data(), 17); });
  expect_refused([&] { runtime::copy_to_host(stream, host.data(), buffer.data() + 1, 16); });
  expect_refused([&] { runtime::copy_to_host(stream, host.data(), host.data() + 4, 16); });
  expect_refused([&] { runtime::copy_on_device(stream, buffer.data(), host.data(), 16); });
  expect_refused([&] { runtime::fill(stream, host.data(), 0, 16); });
}

TEST(EmulatedRuntime, SharesTheDeviceBetweenThreads) {
  std::vector<std::thread> threads;
  std::vector<std::vector<float>> results(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const DeviceBuffer<float> buffer(std::vector<float>(64, static_cast<float>(t)));
      const TestStream stream;
      for (int i = 0; i < 10; ++i) queue_add(stream, buffer, 1);
      stream.synchronise();
      results[t] = buffer.download();
    });
  }
  for (auto& thread : threads) thread.join();
  for (int t = 0; t < 4; ++t) EXPECT_EQ(results[t], std::vector<float>(64, static_cast<float>(t * 1024 + 1023)));
}

}  // namespace
}  // namespace dnd::test
