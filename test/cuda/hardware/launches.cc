#include "test/cuda/hardware/launches.h"

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <vector>

#include "toolkit/launch.h"

// The linker sends calls of these two functions of the runtime here (--wrap, see CMakeLists.txt).
#define DND_ALLOCATE "_ZN3dnd4cuda7runtime8allocateEm"
#define DND_LAUNCH_KERNEL "_ZN3dnd4cuda7runtime13launch_kernelEPNS1_12OpaqueStreamEPKcPKvPvNS0_6Index3Ejm"

namespace dnd::cuda::hardware {

void* real_allocate(size_t bytes) asm("__real_" DND_ALLOCATE);
void* poisoned_allocate(size_t bytes) asm("__wrap_" DND_ALLOCATE);
void real_launch(runtime::Stream stream, const char* name, const void* kernel, void* arguments, Index3 grid,
                 unsigned block, size_t shared_bytes) asm("__real_" DND_LAUNCH_KERNEL);
void timed_launch(runtime::Stream stream, const char* name, const void* kernel, void* arguments, Index3 grid,
                  unsigned block, size_t shared_bytes) asm("__wrap_" DND_LAUNCH_KERNEL);

namespace {

struct Timed {
  const void* kernel;
  cudaEvent_t begin, end;  ///< null within a recorded graph
};

std::mutex mutex;
std::vector<Timed> timed;

}  // namespace

/// Floats and halves of all ones are NaN, as under the emulator: what was not written is noticed. DND_DEVICE_POISON=0
/// leaves memory as it is, for compute-sanitizer's initcheck.
void* poisoned_allocate(size_t bytes) {
  void* memory = real_allocate(bytes);
  static const char* const poison = std::getenv("DND_DEVICE_POISON");
  if (poison != nullptr && poison[0] == '0') return memory;
  cudaMemset(memory, 0xff, bytes);
  cudaDeviceSynchronize();
  return memory;
}

void timed_launch(runtime::Stream stream, const char* name, const void* kernel, void* arguments,
                                        Index3 grid, unsigned block, size_t shared_bytes) {
  const auto queue = reinterpret_cast<cudaStream_t>(stream);
  cudaStreamCaptureStatus capture = cudaStreamCaptureStatusNone;
  cudaStreamIsCapturing(queue, &capture);
  Timed launch = {kernel, nullptr, nullptr};
  if (capture == cudaStreamCaptureStatusNone) {
    cudaEventCreate(&launch.begin);
    cudaEventCreate(&launch.end);
    cudaEventRecord(launch.begin, queue);
  }
  real_launch(stream, name, kernel, arguments, grid, block, shared_bytes);
  if (launch.end != nullptr) cudaEventRecord(launch.end, queue);
  const std::lock_guard lock(mutex);
  timed.push_back(launch);
}

std::map<std::string, KernelRuns> take_launches() {
  cudaDeviceSynchronize();
  const std::lock_guard lock(mutex);
  std::map<std::string, KernelRuns> runs;
  for (const Timed& launch : timed) {
    const char* name = nullptr;
    if (cudaFuncGetName(&name, launch.kernel) != cudaSuccess || name == nullptr) continue;
    KernelRuns& run = runs[name];
    ++run.launches;
    float milliseconds = 0;
    if (launch.end != nullptr && cudaEventElapsedTime(&milliseconds, launch.begin, launch.end) == cudaSuccess) {
      run.longest_seconds = std::max(run.longest_seconds, 1e-3 * milliseconds);
    }
    if (launch.begin != nullptr) cudaEventDestroy(launch.begin);
    if (launch.end != nullptr) cudaEventDestroy(launch.end);
  }
  timed.clear();
  return runs;
}

}  // namespace dnd::cuda::hardware
