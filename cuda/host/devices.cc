#include "cuda/host/devices.h"

#include <string>

namespace dnd::cuda {
namespace {

constexpr int kLeastMajor = 8;  ///< asynchronous copies and matrix products of 16 × 8 × 16

std::string name_of(int32_t ordinal) { return "cuda:" + std::to_string(ordinal); }

}  // namespace

int32_t count_devices() { return runtime::device_count(); }

runtime::Properties properties_of(int32_t ordinal) {
  const int32_t count = count_devices();
  if (ordinal < 0 || ordinal >= count) {
    std::string there = count == 1
                            ? "there is one, " + name_of(0)
                            : "there are " + std::to_string(count) + ", " + name_of(0) + " to " + name_of(count - 1);
    throw Error(ErrorCode::kUnavailable, "device " + name_of(ordinal) + " does not exist: " + there);
  }
  return runtime::properties(ordinal);
}

void check_usable(int32_t ordinal, const runtime::Properties& properties) {
  if (properties.major >= kLeastMajor) return;
  throw Error(ErrorCode::kUnavailable, name_of(ordinal) + ", " + properties.name + ", has compute capability " +
                                           std::to_string(properties.major) + "." + std::to_string(properties.minor) +
                                           ", and 8.0 (A100, RTX 30) or newer is needed: use another GPU, or the CPU");
}

DndDeviceDescription description_of(const runtime::Properties& properties) {
  DndDeviceDescription description{};
  properties.name.copy(description.name, sizeof(description.name) - 1);
  description.memory_bytes = properties.memory_bytes;
  description.compute_major = properties.major;
  description.compute_minor = properties.minor;
  description.driver_version = runtime::driver_version();
  description.runtime_version = runtime::runtime_version();
  return description;
}

}  // namespace dnd::cuda
