#include "test/cuda/emulator/streams.h"

#include "test/cuda/emulator/memory.h"
#include "test/cuda/emulator/poison.h"
#include "test/cuda/emulator/state.h"

namespace dnd::cuda::emulator {

void add_work(runtime::Stream stream, Work work) {
  if (stream->capturing) {
    stream->captured.push_back(std::move(work));
    return;
  }
  if (work.host != nullptr) poison(work.host, work.host_bytes);
  stream->queue.push_back(std::move(work));
}

bool run_one(runtime::Stream stream) {
  State& all = state();
  const std::lock_guard lock(all.lock);
  if (stream->queue.empty()) return false;
  const Work work = std::move(stream->queue.front());
  stream->queue.pop_front();
  if (!all.failure.empty()) return true;
  std::string failure = work.run();
  // Reading all that was released is slow: it is done when a stream has come to its end.
  if (failure.empty() && stream->queue.empty()) failure = check_released(all.last_run);
  if (all.failure.empty()) all.failure = failure;
  return true;
}

void run_until(const runtime::Recording& recording) {
  while (!recording.reached && state().streams.contains(recording.stream) && run_one(recording.stream)) {
  }
}

bool thread_captures() {
  for (const runtime::Stream stream : state().streams) {
    if (stream->capturing && stream->capture_thread == std::this_thread::get_id()) return true;
  }
  return false;
}

void invalidate_captures() {
  for (const runtime::Stream stream : state().streams) {
    if (stream->capturing && stream->capture_thread == std::this_thread::get_id()) stream->capture_invalid = true;
  }
}

void reset_streams() {
  State& all = state();
  for (const runtime::Stream stream : all.streams) delete stream;
  for (const runtime::Event event : all.events) delete event;
  for (const runtime::Graph graph : all.graphs) delete graph;
  all.streams.clear();
  all.events.clear();
  all.graphs.clear();
}

}  // namespace dnd::cuda::emulator
