#include "model/measure.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <string>
#include <vector>

#include "core/philox.h"
#include "core/status.h"
#include "model/distributions.h"
#include "model/job_control.h"

namespace dnd {
namespace {

constexpr int kMostRuns = 5;
constexpr double kEnoughSeconds = 2;

DeviceArray random_array(const Device& device, int64_t elements, uint32_t stream) {
  std::vector<float> values(elements);
  for (int64_t i = 0; i < elements; ++i) {
    values[i] = uniform_from(philox({static_cast<uint32_t>(i), stream, 0, 0}, {0, 0})[0], 1);
  }
  DeviceArray array(device, elements);
  device.call(device->upload, array.memory(), static_cast<const void*>(values.data()), elements * sizeof(float));
  return array;
}

/// The first run also warms the caches, so the fastest is never it alone unless it takes long enough by itself.
template <typename Work>
double fastest(const Device& device, Job& job, const Work& work) {
  double best = std::numeric_limits<double>::infinity(), spent = 0;
  for (int run = 0; run < kMostRuns && spent < kEnoughSeconds; ++run) {
    job.throw_if_cancelled();
    const auto start = std::chrono::steady_clock::now();
    work();
    device.call(device->synchronise);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    best = std::min(best, seconds);
    spent += seconds;
    job.set_progress(std::min(1.0, spent / kEnoughSeconds));
  }
  job.set_progress(1);
  return best;
}

/// For operations that report no progress of their own to the job: it shows the runs.
DndControl cancel_only(Job& job) {
  return {&job, [](void* context) -> int32_t { return static_cast<Job*>(context)->cancelled(); }, nullptr};
}

}  // namespace

double measure_gemm(int64_t n, int threads, Job& job) {
  if (n < 1) throw Error(ErrorCode::kInvalidArgument, "the matrices have " + std::to_string(n) + " rows");
  const Device device(cpu_backend(), threads);
  const DeviceArray a = random_array(device, n * n, 0), b = random_array(device, n * n, 1), c(device, n * n);
  const DndControl control = cancel_only(job);
  return fastest(device, job, [&] {
    device.call(device->linear, &control, a.data(), n, n, b.data(), nullptr, n, kDndNoActivation, nullptr, c.data());
  });
}

double measure_convolution(const ConvolutionSize& size, int threads, Job& job) {
  const Device device(cpu_backend(), threads);
  size_t workspace_bytes = 0;  // asked first: it checks the sizes
  device.call(device->convolution_workspace, size.axis, size.batch, size.tokens, size.height, size.width,
              size.out_channels, size.kernel_size, &workspace_bytes);
  const int64_t elements = size.batch * size.tokens * size.height * size.width;
  const int64_t channels =
      size.axis == kDndWidth ? size.width : size.axis == kDndHeight ? size.height : size.tokens;
  const DeviceArray x = random_array(device, elements, 0);
  const DeviceArray weight =
      random_array(device, size.out_channels * channels * size.kernel_size * size.kernel_size, 1);
  const DeviceArray y(device, elements / channels * size.out_channels);
  const DeviceArray workspace = DeviceArray::of_bytes(device, workspace_bytes);
  const DndControl control = cancel_only(job);
  return fastest(device, job, [&] {
    device.call(device->convolution, &control, size.axis, x.data(), size.batch, size.tokens, size.height, size.width,
                weight.data(), size.out_channels, size.kernel_size, y.data(), workspace.memory());
  });
}

}  // namespace dnd
