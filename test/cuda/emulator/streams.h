#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "cuda/runtime/runtime.h"

/// Queues of work that runs when it is waited for, and not before.

namespace dnd::cuda::emulator {

struct Work {
  std::function<std::string()> run;  ///< returns what went wrong, or ""
  void* host = nullptr;              ///< memory of the host that it will write, and that must not be read until then
  size_t host_bytes = 0;
};

}  // namespace dnd::cuda::emulator

namespace dnd::cuda::runtime {

struct OpaqueStream {
  int device;
  std::deque<emulator::Work> queue = {};
  bool capturing = false;
  bool capture_invalid = false;
  std::thread::id capture_thread = {};
  std::vector<emulator::Work> captured = {};
};

struct OpaqueGraph {
  int device;
  std::shared_ptr<const std::vector<emulator::Work>> works;
};

/// One recording of an event; a later one leaves those that wait for this as they are.
struct Recording {
  Stream stream;
  bool reached = false;
  double seconds = 0;
};

struct OpaqueEvent {
  int device;
  bool timed;
  std::shared_ptr<Recording> recording;  ///< null: never recorded
};

}  // namespace dnd::cuda::runtime

namespace dnd::cuda::emulator {

/// Queues the work, or records it where the stream is being captured.
void add_work(runtime::Stream stream, Work work);

/// Runs the stream's oldest work; after a failure of the device drops it. False where there is none.
bool run_one(runtime::Stream stream);
void run_until(const runtime::Recording& recording);

/// Whether the calling thread captures a stream.
bool thread_captures();
/// A call that is not allowed during a capture spoils it.
void invalidate_captures();

void reset_streams();

}  // namespace dnd::cuda::emulator
