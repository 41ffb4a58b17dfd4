/// cuda/runtime/runtime.h and the launch of toolkit/launch.h by CUDA's runtime.

#include "cuda/runtime/runtime.h"

#include <cuda_runtime.h>

#include <map>
#include <mutex>
#include <utility>

#include "cuda/runtime/driver_check.h"
#include "toolkit/launch.h"

namespace dnd::cuda::runtime {
namespace {

std::string error_name(cudaError_t error) {
  return std::string(cudaGetErrorName(error)) + " (" + cudaGetErrorString(error) + ")";
}

/// Also takes back the error that CUDA keeps for the next question, so that the next call starts clean where it can.
[[noreturn]] void fail(const std::string& call, const std::string& error, ErrorCode code) {
  cudaGetLastError();
  throw Error(code, call + " failed: " + error);
}

void check(cudaError_t error, const char* call, ErrorCode code = ErrorCode::kInternal) {
  if (error != cudaSuccess) fail(call, error_name(error), code);
}

/// Of destructors: what fails there has failed before.
void ignore(cudaError_t error) noexcept {
  if (error != cudaSuccess) cudaGetLastError();
}

cudaStream_t native(Stream stream) { return reinterpret_cast<cudaStream_t>(stream); }
cudaEvent_t native(Event event) { return reinterpret_cast<cudaEvent_t>(event); }
cudaGraphExec_t native(Graph graph) { return reinterpret_cast<cudaGraphExec_t>(graph); }

void check_allocation(cudaError_t error, const char* call, size_t bytes) {
  if (error == cudaSuccess) return;
  const std::string name = std::string(call) + " of " + std::to_string(bytes) + " bytes";
  if (error != cudaErrorMemoryAllocation) fail(name, error_name(error), ErrorCode::kInternal);
  cudaGetLastError();
  size_t free_bytes = 0, total_bytes = 0;
  ignore(cudaMemGetInfo(&free_bytes, &total_bytes));
  fail(name, "cudaErrorMemoryAllocation, " + std::to_string(free_bytes) + " bytes are free", ErrorCode::kOutOfMemory);
}

void copy(Stream stream, void* destination, const void* source, size_t bytes, cudaMemcpyKind kind) {
  check(cudaMemcpyAsync(destination, source, bytes, kind, native(stream)), "cudaMemcpyAsync");
}

}  // namespace

int driver_version() {
  int version = 0;
  check(cudaDriverGetVersion(&version), "cudaDriverGetVersion", ErrorCode::kUnavailable);
  return version;
}

int runtime_version() {
  int version = 0;
  check(cudaRuntimeGetVersion(&version), "cudaRuntimeGetVersion");
  return version;
}

int device_count() {
  const int version = driver_version();
  const std::string problem = driver_problem(version);
  if (!problem.empty()) throw Error(ErrorCode::kUnavailable, problem);
  int devices = 0;
  const cudaError_t error = cudaGetDeviceCount(&devices);
  if (error == cudaErrorNoDevice || (error == cudaSuccess && devices == 0)) {
    cudaGetLastError();
    throw Error(ErrorCode::kUnavailable, no_device_problem(version));
  }
  check(error, "cudaGetDeviceCount", ErrorCode::kUnavailable);
  return devices;
}

void set_device(int ordinal) { check(cudaSetDevice(ordinal), "cudaSetDevice"); }

Properties properties(int ordinal) {
  cudaDeviceProp found;
  check(cudaGetDeviceProperties(&found, ordinal), "cudaGetDeviceProperties");
  return {.name = found.name,
          .major = found.major,
          .minor = found.minor,
          .multiprocessors = found.multiProcessorCount,
          .memory_bytes = static_cast<int64_t>(found.totalGlobalMem),
          .shared_bytes_per_block = static_cast<int64_t>(found.sharedMemPerBlockOptin),
          .shared_bytes_per_multiprocessor = static_cast<int64_t>(found.sharedMemPerMultiprocessor),
          .l2_bytes = found.l2CacheSize};
}

Memory memory_info() {
  size_t free_bytes = 0, total_bytes = 0;
  check(cudaMemGetInfo(&free_bytes, &total_bytes), "cudaMemGetInfo");
  return {static_cast<int64_t>(free_bytes), static_cast<int64_t>(total_bytes)};
}

void* allocate(size_t bytes) {
  void* memory = nullptr;
  check_allocation(cudaMalloc(&memory, bytes), "cudaMalloc", bytes);
  return memory;
}

void release(void* memory) noexcept { ignore(cudaFree(memory)); }

void* allocate_host(size_t bytes) {
  void* memory = nullptr;
  check_allocation(cudaMallocHost(&memory, bytes), "cudaMallocHost", bytes);
  return memory;
}

void release_host(void* memory) noexcept {
  if (memory != nullptr) ignore(cudaFreeHost(memory));
}

void copy_to_device(Stream stream, void* destination, const void* host, size_t bytes) {
  copy(stream, destination, host, bytes, cudaMemcpyHostToDevice);
}

void copy_to_host(Stream stream, void* host, const void* source, size_t bytes) {
  copy(stream, host, source, bytes, cudaMemcpyDeviceToHost);
}

void copy_on_device(Stream stream, void* destination, const void* source, size_t bytes) {
  copy(stream, destination, source, bytes, cudaMemcpyDeviceToDevice);
}

void fill(Stream stream, void* destination, uint8_t value, size_t bytes) {
  check(cudaMemsetAsync(destination, value, bytes, native(stream)), "cudaMemsetAsync");
}

Stream create_stream() {
  cudaStream_t stream = nullptr;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
  return reinterpret_cast<Stream>(stream);
}

void destroy(Stream stream) noexcept {
  if (stream != nullptr) ignore(cudaStreamDestroy(native(stream)));
}

void synchronise(Stream stream) { check(cudaStreamSynchronize(native(stream)), "cudaStreamSynchronize"); }

bool query(Stream stream) {
  const cudaError_t error = cudaStreamQuery(native(stream));
  if (error != cudaErrorNotReady) check(error, "cudaStreamQuery");
  return error == cudaSuccess;
}

void wait(Stream stream, Event event) {
  check(cudaStreamWaitEvent(native(stream), native(event), 0), "cudaStreamWaitEvent");
}

Event create_event(bool timed) {
  cudaEvent_t event = nullptr;
  check(cudaEventCreateWithFlags(&event, timed ? cudaEventDefault : cudaEventDisableTiming),
        "cudaEventCreateWithFlags");
  return reinterpret_cast<Event>(event);
}

void destroy(Event event) noexcept {
  if (event != nullptr) ignore(cudaEventDestroy(native(event)));
}

void record(Event event, Stream stream) { check(cudaEventRecord(native(event), native(stream)), "cudaEventRecord"); }

bool query(Event event) {
  const cudaError_t error = cudaEventQuery(native(event));
  if (error != cudaErrorNotReady) check(error, "cudaEventQuery");
  return error == cudaSuccess;
}

void synchronise(Event event) { check(cudaEventSynchronize(native(event)), "cudaEventSynchronize"); }

double elapsed_seconds(Event begin, Event end) {
  float milliseconds = 0;
  check(cudaEventElapsedTime(&milliseconds, native(begin), native(end)), "cudaEventElapsedTime");
  return milliseconds * 1e-3;
}

/// Other threads may allocate and wait meanwhile.
void begin_capture(Stream stream) {
  check(cudaStreamBeginCapture(native(stream), cudaStreamCaptureModeThreadLocal), "cudaStreamBeginCapture");
}

Graph end_capture(Stream stream) {
  cudaGraph_t recorded = nullptr;
  check(cudaStreamEndCapture(native(stream), &recorded), "cudaStreamEndCapture");
  cudaGraphExec_t graph = nullptr;
  const cudaError_t error = cudaGraphInstantiate(&graph, recorded, 0);
  ignore(cudaGraphDestroy(recorded));
  check(error, "cudaGraphInstantiate");
  return reinterpret_cast<Graph>(graph);
}

void abandon_capture(Stream stream) noexcept {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  ignore(cudaStreamIsCapturing(native(stream), &status));
  if (status == cudaStreamCaptureStatusNone) return;
  cudaGraph_t recorded = nullptr;
  ignore(cudaStreamEndCapture(native(stream), &recorded));
  if (recorded != nullptr) ignore(cudaGraphDestroy(recorded));
}

void launch(Graph graph, Stream stream) { check(cudaGraphLaunch(native(graph), native(stream)), "cudaGraphLaunch"); }

void destroy(Graph graph) noexcept {
  if (graph != nullptr) ignore(cudaGraphExecDestroy(native(graph)));
}

namespace {

/// What every kernel may use without opting in.
constexpr size_t kDefaultSharedBytes = 48 << 10;

/// Lets the kernel have that much shared memory on the current device; requested from CUDA once.
void allow_shared_bytes(const void* kernel, size_t bytes, const std::string& call) {
  static std::mutex lock;
  static std::map<std::pair<const void*, int>, size_t> allowed;
  int device = 0;
  check(cudaGetDevice(&device), "cudaGetDevice");
  const std::lock_guard guard(lock);
  size_t& known = allowed[{kernel, device}];
  if (bytes <= known) return;
  const cudaError_t error =
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes));
  if (error != cudaSuccess) {
    fail(call, error_name(error) + ": " + std::to_string(bytes) + " bytes of shared memory", ErrorCode::kInternal);
  }
  known = bytes;
}

}  // namespace

void launch_kernel(Stream stream, const char* name, const void* kernel, void* arguments, Index3 grid, unsigned block,
                   size_t shared_bytes) {
  const std::string call = std::string("launching the kernel \"") + name + "\"";
  if (shared_bytes > kDefaultSharedBytes) allow_shared_bytes(kernel, shared_bytes, call);
  cudaLaunchConfig_t configuration = {};
  configuration.gridDim = dim3(grid.x, grid.y, grid.z);
  configuration.blockDim = dim3(block);
  configuration.dynamicSmemBytes = shared_bytes;
  configuration.stream = native(stream);
  void* parameters[] = {arguments};
  const cudaError_t error = cudaLaunchKernelExC(&configuration, kernel, parameters);
  if (error != cudaSuccess) fail(call, error_name(error), ErrorCode::kInternal);
}

}  // namespace dnd::cuda::runtime
