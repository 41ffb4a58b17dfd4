#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/status.h"

/// The runtime calls that the backend uses, and no others: cuda/toolkit/runtime.cc makes them of CUDA's runtime, the
/// emulator (test/cuda/emulator) of plain memory.
///
/// Each throws Error with a sentence that names the call and what failed: kOutOfMemory when an allocation fails,
/// kUnavailable when there is no driver or device or it is too old, kInternal otherwise. Those marked noexcept take
/// null and never throw. Work on a stream is asynchronous: host memory that a copy reads or writes must stay, and must
/// not be touched, until the stream was waited for.
namespace dnd::cuda::runtime {

using Stream = struct OpaqueStream*;
using Event = struct OpaqueEvent*;
using Graph = struct OpaqueGraph*;  ///< instantiated: ready to launch

struct Properties {
  std::string name;
  int major, minor;  ///< compute capability
  int multiprocessors;
  int64_t memory_bytes;
  int64_t shared_bytes_per_block;  ///< that a kernel can opt in to
  int64_t shared_bytes_per_multiprocessor;
  int64_t l2_bytes;
};

/// The newest CUDA that the driver supports, as 13000 for 13.0; 0 where there is no driver.
int driver_version();
int runtime_version();
/// Devices that can be used. kUnavailable where there are none: the message says what was found and what to do.
int device_count();
/// The calling thread's device from now on: memory, streams and events belong to the device that they were made on.
void set_device(int ordinal);
Properties properties(int ordinal);

struct Memory {
  int64_t free_bytes, total_bytes;
};
Memory memory_info();
void* allocate(size_t bytes);  ///< 256-byte aligned; bytes > 0
void release(void* memory) noexcept;
void* allocate_host(size_t bytes);  ///< page-locked
void release_host(void* memory) noexcept;

void copy_to_device(Stream stream, void* destination, const void* host, size_t bytes);
void copy_to_host(Stream stream, void* host, const void* source, size_t bytes);
void copy_on_device(Stream stream, void* destination, const void* source, size_t bytes);
void fill(Stream stream, void* destination, uint8_t value, size_t bytes);

Stream create_stream();  ///< that does not wait for the default stream
void destroy(Stream stream) noexcept;
void synchronise(Stream stream);
bool query(Stream stream);  ///< true: all of its work is done
void wait(Stream stream, Event event);

Event create_event(bool timed);
void destroy(Event event) noexcept;
void record(Event event, Stream stream);
bool query(Event event);
void synchronise(Event event);
double elapsed_seconds(Event begin, Event end);  ///< both timed and reached

/// What is queued on the stream from now on is recorded and not run. The thread allocates and waits for nothing
/// meanwhile.
void begin_capture(Stream stream);
Graph end_capture(Stream stream);
/// After a failure within a capture; the stream is as before it.
void abandon_capture(Stream stream) noexcept;
void launch(Graph graph, Stream stream);
void destroy(Graph graph) noexcept;

}  // namespace dnd::cuda::runtime
