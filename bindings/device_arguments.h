#pragma once

#include <string>

#include "arguments.h"
#include "model/device.h"

namespace dnd::bindings {

/// `device`: "cpu" or "cuda"; `ordinal`, `cudaLibrary` and `deviceLimitBytes` (0 = none) of a CUDA device; `precision`:
/// "mixed", "fp32" or "bf16"; `threads`. Error(kUnavailable) without a CUDA library.
DeviceChoice read_device(const Argument& options);

/// The path of a CUDA library; where the argument is an empty text, that of `cuda_library_path`.
std::string read_cuda_library(const Argument& path);

}  // namespace dnd::bindings
