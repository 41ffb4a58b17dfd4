#include "bench/measure.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <string>

#include "core/function_ref.h"
#include "core/memory.h"
#include "core/philox.h"
#include "core/range.h"
#include "core/status.h"
#include "core/thread_pool.h"
#include "core/distributions.h"
#include "model/job_control.h"

namespace dnd {
namespace {

/// Numbers are made once and repeated: gigabytes of weights shall cost no more than copying them.
constexpr int64_t kBlockElements = int64_t{1} << 20;

/// Calls put(element, values, count) until `elements` uniform in (−bound, bound) are there.
template <typename Put>
void make_random(int64_t elements, double bound, uint32_t stream, const Put& put) {
  std::vector<float> block(std::min(elements, kBlockElements));
  for (size_t i = 0; i < block.size(); ++i) {
    block[i] = uniform_from(philox({static_cast<uint32_t>(i), stream, 0, 0}, {0, 0})[0], bound);
  }
  for (int64_t begin = 0; begin < elements; begin += kBlockElements) {
    put(begin, block.data(), std::min(kBlockElements, elements - begin));
  }
}

DeviceArray random_array(const Device& device, int64_t elements, double bound, uint32_t stream) {
  DeviceArray array(device, elements);
  make_random(elements, bound, stream, [&](int64_t begin, const float* values, int64_t count) {
    device.upload(array.data() + begin, values, count * static_cast<int64_t>(sizeof(float)));
  });
  return array;
}

/// Weights, which are in host memory.
Memory random_weights(int64_t elements, double bound, uint32_t stream) {
  Memory memory(elements * sizeof(float));
  make_random(elements, bound, stream, [&](int64_t begin, const float* values, int64_t count) {
    std::copy_n(values, count, memory.floats() + begin);
  });
  return memory;
}

double seconds_of(FunctionRef<void()> work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// The seconds of each run. `work` is told the number of its run; that of the warm-up is 0, as is the first one's.
std::vector<double> timed(const MeasureOptions& options, Job& job, FunctionRef<void(int run)> work) {
  if (options.runs < 1) {
    throw Error(ErrorCode::kInvalidArgument, "measuring " + std::to_string(options.runs) + " runs is not possible");
  }
  job.throw_if_cancelled();
  std::vector<double> seconds;
  const double first = seconds_of([&] { work(0); });
  double spent = 0;
  const auto count = [&](double run) {
    seconds.push_back(run);
    spent += run;
    job.set_progress(static_cast<double>(seconds.size()) / options.runs);
  };
  if (first > kWarmUpSeconds) count(first);
  while (seconds.empty() || (static_cast<int>(seconds.size()) < options.runs && spent < options.enough_seconds)) {
    job.throw_if_cancelled();
    const int run = static_cast<int>(seconds.size());
    count(seconds_of([&] { work(run); }));
  }
  job.set_progress(1);
  return seconds;
}

/// Which run took the median time; the faster of the two in the middle.
size_t median_run(const std::vector<double>& seconds) {
  std::vector<size_t> order(seconds.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return seconds[a] < seconds[b]; });
  return order[(order.size() - 1) / 2];
}

}  // namespace

std::vector<double> measure_gemm(int64_t n, const MeasureOptions& options, Job& job) {
  if (n < 1) throw Error(ErrorCode::kInvalidArgument, "the matrices have " + std::to_string(n) + " rows");
  const Device device(options.device);
  const DeviceArray a = random_array(device, n * n, 1, 0);
  const Memory b = random_weights(n * n, 1 / std::sqrt(static_cast<double>(n)), 1);
  device.call(device->upload_linear, DndWeight{b.floats()}, n, n);
  const DeviceArray c(device, n * n);
  const DndControl control = cancel_only(job);
  return timed(options, job, [&](int) {
    device.call(device->linear, &control, a.data(), n, n, DndWeight{b.floats()}, nullptr, n, kDndNoActivation, nullptr,
                c.data());
    device.call(device->synchronise);
  });
}

std::vector<double> measure_copy(int64_t bytes, const MeasureOptions& options, Job& job) {
  if (bytes < 1) throw Error(ErrorCode::kInvalidArgument, "a copy of " + std::to_string(bytes) + " bytes is none");
  ThreadPool pool(options.device.options.threads);
  const Memory source(bytes), destination(bytes);
  std::memset(source.data(), 1, bytes);
  // Few and large: copying writes around the caches only where it sees that what it copies is larger than they are.
  const int64_t pieces = 4 * pool.threads();
  return timed(options, job, [&](int) {
    pool.parallel_for(pieces, [&](int64_t piece, int) {
      job.throw_if_cancelled();
      const Range range = part(bytes, pieces, piece);
      std::memcpy(static_cast<char*>(destination.data()) + range.begin,
                  static_cast<const char*>(source.data()) + range.begin, range.size());
    });
  });
}

ConvolutionRuns measure_convolution(DndConvolution size, const MeasureOptions& options, Job& job) {
  size.normalised = 0;
  size.epilogue = kDndStore;
  const Device device(options.device);
  int64_t workspace_bytes = 0, least_bytes = 0;  // asked first: it checks the sizes
  device.call(device->convolution_workspace, &size, &workspace_bytes, &least_bytes);
  const int64_t elements = size.batch * size.tokens * size.height * size.width;
  const int64_t channels = size.axis == kDndWidth ? size.width : size.axis == kDndHeight ? size.height : size.tokens;
  const int64_t taps = channels * size.kernel_size * size.kernel_size;
  const DeviceArray x = random_array(device, elements, 1, 0);
  const Memory weight = random_weights(size.out_channels * taps, 1 / std::sqrt(static_cast<double>(taps)), 1);
  const DndControl control = cancel_only(job);
  device.call(device->upload_convolution, &control, &size, weight.floats(), workspace_bytes);
  // Which of their forms the weights are resident in may show in the workspace.
  device.call(device->convolution_workspace, &size, &workspace_bytes, &least_bytes);
  const DeviceArray y(device, elements / channels * size.out_channels);
  const DeviceArray workspace = DeviceArray::of_bytes(device, workspace_bytes);

  DndConvolutionOperands operands{};
  operands.x = x.data();
  operands.weight = weight.floats();
  operands.y = y.data();
  operands.workspace = workspace.memory();
  std::vector<std::array<double, kDndConvolutionParts>> parts(std::max(1, options.runs));
  ConvolutionRuns result;
  result.seconds = timed(options, job, [&](int run) {
    parts[run].fill(0);
    operands.part_seconds = parts[run].data();
    device.call(device->convolution, &control, &size, &operands);
    device.call(device->synchronise);
  });
  result.part_seconds = parts[median_run(result.seconds)];
  return result;
}

}  // namespace dnd
