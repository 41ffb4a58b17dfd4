#include "device_arguments.h"

#include "model/device_library.h"

namespace dnd::bindings {

DeviceChoice read_device(const Argument& options) {
  constexpr DndPrecision kPrecisions[] = {kDndMixed, kDndFloat32, kDndBfloat16};
  constexpr int64_t kMaxDevices = 1024;
  const bool cuda = options.field("device").choice({"cpu", "cuda"}) == 1;
  DndDeviceOptions read;
  read.threads = options.field("threads").threads();
  read.ordinal = int32_t(options.field("ordinal").integer(0, kMaxDevices));
  read.precision = kPrecisions[options.field("precision").choice({"mixed", "fp32", "bf16"})];
  read.memory_limit = options.field("deviceLimitBytes").integer(0);
  const std::string library = read_cuda_library(options.field("cudaLibrary"));
  return {cuda ? device_library(library) : cpu_backend(), read};
}

std::string read_cuda_library(const Argument& path) {
  const std::string named = path.text();
  return named.empty() ? cuda_library_path() : named;
}

}  // namespace dnd::bindings
