#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "core/status.h"
#include "cuda/runtime/runtime.h"
#include "test/cuda/hardware/report.h"

/// Runs the kernels' tests on device 0. DND_DEVICE_REPORT names a file that gets a line of JSON for each test;
/// --describe prints the device as JSON and runs nothing. Without a usable device: the reason, and exit code 1.
int main(int count, char** arguments) {
  testing::InitGoogleTest(&count, arguments);
  namespace runtime = dnd::cuda::runtime;
  try {
    runtime::device_count();
    runtime::set_device(0);
    if (count > 1 && std::string(arguments[1]) == "--describe") {
      const runtime::Properties device = runtime::properties(0);
      std::printf(
          "{\"name\": \"%s\", \"computeCapability\": \"%d.%d\", \"multiprocessors\": %d, \"memoryBytes\": %lld, "
          "\"driver\": %d, \"runtime\": %d}\n",
          device.name.c_str(), device.major, device.minor, device.multiprocessors,
          static_cast<long long>(device.memory_bytes), runtime::driver_version(), runtime::runtime_version());
      return 0;
    }
  } catch (const dnd::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  if (const char* file = std::getenv("DND_DEVICE_REPORT")) {
    testing::UnitTest::GetInstance()->listeners().Append(new dnd::cuda::hardware::Report(file));
  }
  return RUN_ALL_TESTS();
}
