#include "test/cuda/emulator/state.h"

#include <cstdio>
#include <cstdlib>

#include "test/cuda/emulator/control.h"

namespace dnd::cuda::emulator {
namespace {

/// A line of JSON about the whole process, for tests that run the library in one of their own.
void report() {
  const char* path = std::getenv("DND_EMULATOR_REPORT");
  if (path == nullptr) return;
  std::FILE* file = std::fopen(path, "a");
  if (file == nullptr) return;
  std::string failure;
  for (const char character : state().failure) {
    if (character == '"' || character == '\\') failure += '\\';
    failure += character == '\n' ? ' ' : character;
  }
  std::fprintf(file,
               "{\"calls\":%lld,\"launches\":%lld,\"liveBytes\":%lld,\"liveHostBytes\":%lld,\"liveObjects\":%lld,"
               "\"peakBytes\":%lld,\"failure\":\"%s\"}\n",
               static_cast<long long>(dnd_emulator_calls()), static_cast<long long>(dnd_emulator_launches()),
               static_cast<long long>(dnd_emulator_live_bytes()),
               static_cast<long long>(dnd_emulator_live_host_bytes()),
               static_cast<long long>(dnd_emulator_live_objects()), static_cast<long long>(dnd_emulator_peak_bytes()),
               failure.c_str());
  std::fclose(file);
}

}  // namespace

State& state() {
  // Never destroyed: other threads may be at work when the process ends.
  static State* const instance = [] {
    std::atexit(report);
    return new State;
  }();
  return *instance;
}

int& current_device() {
  thread_local int device = 0;
  return device;
}

Call::Call(std::string name, const char* injected, ErrorCode code, bool needs_device)
    : name_(std::move(name)), lock_(state().lock) {
  State& all = state();
  ++all.calls;
  if (all.fail_at > 0 && --all.fail_at == 0) {
    fail(std::string(injected) + " (call " + std::to_string(all.calls) + ", which the emulator was told to fail)",
         code);
  }
  if (needs_device && !all.failure.empty()) fail("cudaErrorLaunchFailure: " + all.failure);
}

void Call::fail(const std::string& error, ErrorCode code) const { throw Error(code, name_ + " failed: " + error); }

}  // namespace dnd::cuda::emulator
