/// cuda/runtime/runtime.h and the launch of toolkit/launch.h for the emulated devices. Errors have the names that
/// CUDA's runtime gives them in the same situation.

#include "cuda/runtime/runtime.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <functional>

#include "cuda/runtime/driver_check.h"
#include "test/cuda/emulator/block.h"
#include "test/cuda/emulator/memory.h"
#include "test/cuda/emulator/state.h"
#include "test/cuda/emulator/streams.h"
#include "toolkit/launch.h"

namespace dnd::cuda::runtime {

using emulator::Call;
using emulator::current_device;
using emulator::state;
using emulator::Work;

namespace {

constexpr char kInvalidValue[] = "cudaErrorInvalidValue";
constexpr char kInvalidHandle[] = "cudaErrorInvalidResourceHandle";
constexpr char kInvalidDevice[] = "cudaErrorInvalidDevice";
constexpr char kCaptured[] = "cudaErrorStreamCaptureUnsupported";

std::string bytes_text(size_t bytes) { return std::to_string(bytes) + " bytes"; }

void require_stream(const Call& call, Stream stream) { call.require(state().streams.contains(stream), kInvalidHandle); }

/// Calls that wait or allocate spoil a capture of the same thread.
void require_no_capture(const Call& call) {
  if (!emulator::thread_captures()) return;
  emulator::invalidate_captures();
  call.fail(kCaptured);
}

/// After whatever ran while this call waited.
void require_success(const Call& call) {
  if (!state().failure.empty()) call.fail("cudaErrorLaunchFailure: " + state().failure);
}

int64_t shared_bytes_of(int capability, bool of_multiprocessor) {
  const int64_t kibibytes = capability >= 120                      ? 100
                            : capability >= 90                     ? 228
                            : capability == 86 || capability == 89 ? 100
                                                                   : 164;
  return (kibibytes - (of_multiprocessor ? 0 : 1)) << 10;
}

}  // namespace

int driver_version() {
  const Call call("cudaDriverGetVersion", "cudaErrorInitializationError", ErrorCode::kUnavailable, false);
  return state().settings.driver_version;
}

int runtime_version() {
  const Call call("cudaRuntimeGetVersion", "cudaErrorUnknown", ErrorCode::kInternal, false);
  return kNeededDriverVersion;
}

int device_count() {
  emulator::read_environment();
  const Call call("cudaGetDeviceCount", "cudaErrorInitializationError", ErrorCode::kUnavailable, false);
  const auto& settings = state().settings;
  const std::string problem = driver_problem(settings.driver_version);
  if (!problem.empty()) throw Error(ErrorCode::kUnavailable, problem);
  if (settings.device_count == 0) {
    throw Error(ErrorCode::kUnavailable, no_device_problem(settings.driver_version));
  }
  return settings.device_count;
}

void set_device(int ordinal) {
  const Call call("cudaSetDevice");
  call.require(ordinal >= 0 && ordinal < state().settings.device_count, kInvalidDevice);
  current_device() = ordinal;
}

Properties properties(int ordinal) {
  const Call call("cudaGetDeviceProperties");
  const auto& settings = state().settings;
  call.require(ordinal >= 0 && ordinal < settings.device_count, kInvalidDevice);
  const int capability = settings.compute_capability;
  return {.name = settings.device_name,
          .major = capability / 10,
          .minor = capability % 10,
          .multiprocessors = capability >= 90 ? 132 : 108,
          .memory_bytes = settings.memory_limit,
          .shared_bytes_per_block = shared_bytes_of(capability, false),
          .shared_bytes_per_multiprocessor = shared_bytes_of(capability, true),
          .l2_bytes = int64_t{capability >= 90 ? 50 : 40} << 20};
}

Memory memory_info() {
  const Call call("cudaMemGetInfo");
  const int64_t limit = state().settings.memory_limit;
  return {.free_bytes = limit - emulator::live_bytes(current_device()), .total_bytes = limit};
}

void* allocate(size_t bytes) {
  const Call call("cudaMalloc of " + bytes_text(bytes), "cudaErrorMemoryAllocation", ErrorCode::kOutOfMemory);
  require_no_capture(call);
  call.require(bytes > 0, kInvalidValue);
  const int64_t free_bytes = state().settings.memory_limit - emulator::live_bytes(current_device());
  if (free_bytes < 0 || bytes > static_cast<uint64_t>(free_bytes)) {
    call.fail("cudaErrorMemoryAllocation, " + std::to_string(free_bytes) + " bytes are free", ErrorCode::kOutOfMemory);
  }
  void* memory = emulator::allocate_memory(current_device(), bytes);
  state().peak_bytes = std::max(state().peak_bytes, emulator::live_device_bytes());
  return memory;
}

namespace {

void release_or_fail(bool host, void* memory) {
  if (memory == nullptr) return;
  const std::lock_guard lock(state().lock);
  // CUDA refuses it there, and the memory is lost.
  if (emulator::thread_captures()) return emulator::invalidate_captures();
  std::string problem;
  if (!emulator::release_memory(host, memory, problem)) problem = "released what had not been allocated";
  if (!problem.empty() && state().failure.empty()) {
    state().failure = (state().last_run.empty() ? "the host" : state().last_run) + " " + problem;
  }
}

}  // namespace

void release(void* memory) noexcept { release_or_fail(false, memory); }

void* allocate_host(size_t bytes) {
  const Call call("cudaMallocHost of " + bytes_text(bytes), "cudaErrorMemoryAllocation", ErrorCode::kOutOfMemory);
  require_no_capture(call);
  call.require(bytes > 0, kInvalidValue);
  return emulator::allocate_memory(emulator::kHost, bytes);
}

void release_host(void* memory) noexcept { release_or_fail(true, memory); }

namespace {

/// A copy or fill: the addresses are checked when it is enqueued and again when it runs.
void add_transfer(const Call& call, Stream stream, const std::string& name, std::function<bool()> possible,
                  std::function<void()> run, void* host = nullptr, size_t host_bytes = 0) {
  require_stream(call, stream);
  call.require(possible(), kInvalidValue);
  const auto checked = [name, possible, run]() -> std::string {
    if (!possible()) return name + " found its memory released";
    run();
    state().last_run = name;
    return "";
  };
  emulator::add_work(stream, {checked, host, host_bytes});
}

}  // namespace

void copy_to_device(Stream stream, void* destination, const void* host, size_t bytes) {
  const std::string name = "cudaMemcpyAsync of " + bytes_text(bytes) + " to the device";
  const Call call(name);
  if (bytes == 0) return;
  add_transfer(
      call, stream, name,
      [=] { return emulator::inside_allocation(destination, bytes) && !emulator::touches_allocation(host, bytes); },
      [=] { std::memcpy(destination, host, bytes); });
}

void copy_to_host(Stream stream, void* host, const void* source, size_t bytes) {
  const std::string name = "cudaMemcpyAsync of " + bytes_text(bytes) + " to the host";
  const Call call(name);
  if (bytes == 0) return;
  add_transfer(
      call, stream, name,
      [=] { return emulator::inside_allocation(source, bytes) && !emulator::touches_allocation(host, bytes); },
      [=] { std::memcpy(host, source, bytes); }, host, bytes);
}

void copy_on_device(Stream stream, void* destination, const void* source, size_t bytes) {
  const std::string name = "cudaMemcpyAsync of " + bytes_text(bytes) + " on the device";
  const Call call(name);
  if (bytes == 0) return;
  add_transfer(
      call, stream, name,
      [=] { return emulator::inside_allocation(destination, bytes) && emulator::inside_allocation(source, bytes); },
      [=] { std::memmove(destination, source, bytes); });
}

void fill(Stream stream, void* destination, uint8_t value, size_t bytes) {
  const std::string name = "cudaMemsetAsync of " + bytes_text(bytes);
  const Call call(name);
  if (bytes == 0) return;
  add_transfer(
      call, stream, name, [=] { return emulator::inside_allocation(destination, bytes); },
      [=] { std::memset(destination, value, bytes); });
}

Stream create_stream() {
  const Call call("cudaStreamCreateWithFlags");
  const auto stream = new OpaqueStream{.device = current_device()};
  state().streams.insert(stream);
  return stream;
}

void destroy(Stream stream) noexcept {
  const std::lock_guard lock(state().lock);
  if (!state().streams.contains(stream)) return;
  while (emulator::run_one(stream)) {
  }
  state().streams.erase(stream);
  delete stream;
}

void synchronise(Stream stream) {
  {
    const std::lock_guard lock(state().lock);
    const bool ready = state().streams.contains(stream) && !emulator::thread_captures();
    if (!ready) stream = nullptr;
  }
  // The lock is free between two works, so that other threads get their turn.
  while (stream != nullptr && emulator::run_one(stream)) {
  }
  const Call call("cudaStreamSynchronize");
  require_no_capture(call);
  call.require(stream != nullptr, kInvalidHandle);
}

/// One work for every question: something that asks again and again comes to the end, and sees the way there.
bool query(Stream stream) {
  const Call call("cudaStreamQuery");
  require_stream(call, stream);
  require_no_capture(call);
  emulator::run_one(stream);
  require_success(call);
  return stream->queue.empty();
}

void wait(Stream stream, Event event) {
  const Call call("cudaStreamWaitEvent");
  require_stream(call, stream);
  call.require(state().events.contains(event), kInvalidHandle);
  call.require(!stream->capturing, kCaptured);
  const auto recording = event->recording;
  if (recording == nullptr) return;
  emulator::add_work(stream, {[recording]() -> std::string {
                       emulator::run_until(*recording);
                       return "";
                     }});
}

Event create_event(bool timed) {
  const Call call("cudaEventCreateWithFlags");
  const auto event = new OpaqueEvent{.device = current_device(), .timed = timed, .recording = nullptr};
  state().events.insert(event);
  return event;
}

void destroy(Event event) noexcept {
  const std::lock_guard lock(state().lock);
  if (state().events.erase(event) != 0) delete event;
}

void record(Event event, Stream stream) {
  const Call call("cudaEventRecord");
  require_stream(call, stream);
  call.require(state().events.contains(event) && event->device == stream->device, kInvalidHandle);
  call.require(!stream->capturing, kCaptured);
  const auto recording = std::make_shared<Recording>(Recording{.stream = stream});
  event->recording = recording;
  emulator::add_work(stream, {[recording]() -> std::string {
                       recording->reached = true;
                       recording->seconds =
                           std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
                       return "";
                     }});
}

bool query(Event event) {
  const Call call("cudaEventQuery");
  call.require(state().events.contains(event), kInvalidHandle);
  require_no_capture(call);
  const auto recording = event->recording;
  if (recording == nullptr || recording->reached) return true;
  if (state().streams.contains(recording->stream)) emulator::run_one(recording->stream);
  require_success(call);
  return recording->reached;
}

void synchronise(Event event) {
  std::shared_ptr<const Recording> recording;
  {
    const std::lock_guard lock(state().lock);
    if (state().events.contains(event) && !emulator::thread_captures()) recording = event->recording;
  }
  if (recording != nullptr) emulator::run_until(*recording);
  const Call call("cudaEventSynchronize");
  call.require(state().events.contains(event), kInvalidHandle);
  require_no_capture(call);
}

double elapsed_seconds(Event begin, Event end) {
  const Call call("cudaEventElapsedTime");
  for (const Event event : {begin, end}) {
    call.require(state().events.contains(event) && event->timed && event->recording != nullptr, kInvalidHandle);
    call.require(event->recording->reached, "cudaErrorNotReady");
  }
  return end->recording->seconds - begin->recording->seconds;
}

void begin_capture(Stream stream) {
  const Call call("cudaStreamBeginCapture");
  require_stream(call, stream);
  call.require(!stream->capturing, "cudaErrorIllegalState");
  stream->capturing = true;
  stream->capture_invalid = false;
  stream->capture_thread = std::this_thread::get_id();
}

Graph end_capture(Stream stream) {
  const Call call("cudaStreamEndCapture");
  require_stream(call, stream);
  call.require(stream->capturing, "cudaErrorIllegalState");
  call.require(stream->capture_thread == std::this_thread::get_id(), "cudaErrorStreamCaptureWrongThread");
  stream->capturing = false;
  auto works = std::make_shared<const std::vector<Work>>(std::move(stream->captured));
  stream->captured.clear();
  call.require(!stream->capture_invalid, "cudaErrorStreamCaptureInvalidated");
  const auto graph = new OpaqueGraph{.device = stream->device, .works = std::move(works)};
  state().graphs.insert(graph);
  return graph;
}

void abandon_capture(Stream stream) noexcept {
  const std::lock_guard lock(state().lock);
  if (!state().streams.contains(stream)) return;
  stream->capturing = false;
  stream->captured.clear();
}

void launch(Graph graph, Stream stream) {
  const Call call("cudaGraphLaunch");
  require_stream(call, stream);
  call.require(state().graphs.contains(graph) && graph->device == stream->device, kInvalidHandle);
  call.require(!stream->capturing, kCaptured);
  for (const Work& work : *graph->works) emulator::add_work(stream, work);
}

void destroy(Graph graph) noexcept {
  const std::lock_guard lock(state().lock);
  if (state().graphs.erase(graph) != 0) delete graph;
}

void launch_kernel(Stream stream, const char* name, std::function<void()> thread, Index3 grid, unsigned block,
                   size_t shared_bytes) {
  const Call call(std::string("launching the kernel \"") + name + "\"");
  require_stream(call, stream);
  call.require(stream->device == current_device(), kInvalidHandle);
  const bool possible = block >= 1 && block <= 1024 && grid.x >= 1 && grid.x < 0x80000000u && grid.y >= 1 &&
                        grid.y <= 65535 && grid.z >= 1 && grid.z <= 65535;
  call.require(possible, "cudaErrorInvalidConfiguration");
  const int64_t most = shared_bytes_of(state().settings.compute_capability, false);
  if (shared_bytes > static_cast<uint64_t>(most)) {
    call.fail("cudaErrorInvalidValue: " + std::to_string(shared_bytes) +
              " bytes of shared memory where a block can have " + std::to_string(most));
  }
  const emulator::Kernel kernel{name, std::move(thread), grid, block, shared_bytes};
  emulator::add_work(stream, {[kernel]() -> std::string {
                       auto& all = state();
                       ++all.launches;
                       all.last_run = std::string("kernel \"") + kernel.name + "\"";
                       const std::string failure =
                           emulator::run_kernel(kernel, all.settings.seed * 0x9e3779b97f4a7c15 + all.orders++);
                       return failure.empty() ? emulator::check_guards(all.last_run) : failure;
                     }});
}

}  // namespace dnd::cuda::runtime
