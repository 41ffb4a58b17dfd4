#pragma once

#include "arguments.h"
#include "model/device.h"

namespace dnd::bindings {

/// `device`: "cpu" or "cuda"; `ordinal` and `deviceLimitBytes` (0 = none) of a CUDA device; `precision`: "mixed", "fp32"
/// or "bf16"; `threads`. Error(kUnavailable) without a CUDA library.
DeviceChoice read_device(const Argument& options);

}  // namespace dnd::bindings
