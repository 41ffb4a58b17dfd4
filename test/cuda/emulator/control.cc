#include "test/cuda/emulator/control.h"

#include <cstdlib>
#include <functional>
#include <map>
#include <string>

#include "test/cuda/emulator/memory.h"
#include "test/cuda/emulator/state.h"
#include "test/cuda/emulator/streams.h"

namespace dnd::cuda::emulator {
namespace {

/// The values that environment variables had when they were read last.
std::map<std::string, std::string>& known_environment() {
  static auto* const known = new std::map<std::string, std::string>;
  return *known;
}

std::unique_lock<std::recursive_mutex> hold() { return std::unique_lock(state().lock); }

/// Whole numbers; what is none counts as 0.
int64_t number(const std::string& text) { return std::strtoll(text.c_str(), nullptr, 10); }

const bool read_when_opened = (read_environment(), true);

}  // namespace

void read_environment() {
  static const std::map<std::string, std::function<void(const std::string&)>> variables = {
      {"DND_EMULATOR_SEED",
       [](const std::string& text) { dnd_emulator_set_seed(static_cast<uint64_t>(number(text))); }},
      {"DND_EMULATOR_FAIL_AT", [](const std::string& text) { dnd_emulator_fail_at(number(text)); }},
      {"DND_EMULATOR_MEMORY_LIMIT", [](const std::string& text) { dnd_emulator_set_memory_limit(number(text)); }},
      {"DND_EMULATOR_DRIVER_VERSION",
       [](const std::string& text) { dnd_emulator_set_driver_version(static_cast<int32_t>(number(text))); }},
      {"DND_EMULATOR_COMPUTE_CAPABILITY",
       [](const std::string& text) { dnd_emulator_set_compute_capability(static_cast<int32_t>(number(text))); }},
      {"DND_EMULATOR_DEVICE_COUNT",
       [](const std::string& text) { dnd_emulator_set_device_count(static_cast<int32_t>(number(text))); }},
      {"DND_EMULATOR_DEVICE_NAME", [](const std::string& text) { dnd_emulator_set_device_name(text.c_str()); }},
  };
  for (const auto& [name, apply] : variables) {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr || known_environment()[name] == value) continue;
    known_environment()[name] = value;
    apply(value);
  }
}

}  // namespace dnd::cuda::emulator

using namespace dnd::cuda::emulator;

void dnd_emulator_reset() {
  const auto lock = hold();
  reset_streams();
  reset_memory();
  State& all = state();
  all.settings = Settings();
  all.calls = all.fail_at = all.launches = all.peak_bytes = 0;
  all.orders = 0;
  all.failure.clear();
  all.last_run.clear();
  known_environment().clear();
  read_environment();
}

void dnd_emulator_set_seed(uint64_t seed) {
  const auto lock = hold();
  state().settings.seed = seed;
  state().orders = 0;
}

void dnd_emulator_fail_at(int64_t call) {
  const auto lock = hold();
  state().fail_at = call;
}

void dnd_emulator_set_memory_limit(int64_t bytes) {
  const auto lock = hold();
  state().settings.memory_limit = bytes == 0 ? Settings().memory_limit : bytes;
}

void dnd_emulator_set_driver_version(int32_t version) {
  const auto lock = hold();
  state().settings.driver_version = version;
}

void dnd_emulator_set_compute_capability(int32_t capability) {
  const auto lock = hold();
  state().settings.compute_capability = capability;
}

void dnd_emulator_set_device_count(int32_t count) {
  const auto lock = hold();
  state().settings.device_count = count;
}

void dnd_emulator_set_device_name(const char* name) {
  const auto lock = hold();
  state().settings.device_name = name;
}

int64_t dnd_emulator_calls() { return hold(), state().calls; }
int64_t dnd_emulator_launches() { return hold(), state().launches; }
int64_t dnd_emulator_live_bytes() { return hold(), live_device_bytes(); }
int64_t dnd_emulator_peak_bytes() { return hold(), state().peak_bytes; }
int64_t dnd_emulator_live_host_bytes() { return hold(), live_bytes(kHost); }

int64_t dnd_emulator_live_objects() {
  const auto lock = hold();
  return static_cast<int64_t>(state().streams.size() + state().events.size() + state().graphs.size());
}

const char* dnd_emulator_failure() {
  thread_local std::string copy;
  const auto lock = hold();
  copy = state().failure;
  return copy.c_str();
}
