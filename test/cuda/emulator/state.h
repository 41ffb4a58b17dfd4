#pragma once

#include <cstdint>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include "core/status.h"
#include "cuda/runtime/runtime.h"

namespace dnd::cuda::emulator {

struct Settings {
  uint64_t seed = 1;
  int64_t memory_limit = int64_t{8} << 30;
  int32_t driver_version = 13000;
  // A device of the rate table (native/plan/cuda_rates.cc): it is planned for as the real one.
  int32_t compute_capability = 80;
  int32_t device_count = 1;
  std::string device_name = "NVIDIA A100-SXM4-80GB (emulated)";
};

/// All that there is of the emulated machine. One lock for everything: kernels run one after another.
struct State {
  std::recursive_mutex lock;
  Settings settings;
  int64_t calls = 0;
  int64_t fail_at = 0;  ///< counted down by each call
  int64_t launches = 0;
  uint64_t orders = 0;  ///< drawn from the seed so far, one per launch
  int64_t peak_bytes = 0;
  std::string failure;   ///< sticky
  std::string last_run;  ///< the kernel or copy that ran last, for what is found later
  std::set<runtime::Stream> streams;
  std::set<runtime::Event> events;
  std::set<runtime::Graph> graphs;
};
State& state();

/// The calling thread's device.
int& current_device();

/// Settings that environment variables give, where they differ from what they gave last.
void read_environment();

/// Every runtime call begins with one: holds the lock, counts the call, and fails where a test requested it or where
/// the device has failed before.
class Call {
 public:
  explicit Call(std::string name) : Call(std::move(name), "cudaErrorUnknown", ErrorCode::kInternal) {}
  /// With the error that a test's failure looks like. `needs_device`: a device that has failed fails this call too.
  Call(std::string name, const char* injected, ErrorCode code, bool needs_device = true);

  [[noreturn]] void fail(const std::string& error, ErrorCode code = ErrorCode::kInternal) const;
  /// Unless the condition holds.
  void require(bool condition, const char* error) const {
    if (!condition) fail(error);
  }

 private:
  std::string name_;
  std::lock_guard<std::recursive_mutex> lock_;
};

}  // namespace dnd::cuda::emulator
