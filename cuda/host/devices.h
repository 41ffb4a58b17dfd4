#pragma once

#include <cstdint>

#include "backend.h"
#include "cuda/runtime/runtime.h"

/// Which devices there are, and why one cannot be used.
namespace dnd::cuda {

/// Error(kUnavailable) where there is none: without a driver, with one too old, without a device. The message says
/// what was found and what to do.
int32_t count_devices();

/// Of device `ordinal`. Error(kUnavailable) also where there is no such device.
runtime::Properties properties_of(int32_t ordinal);

/// Error(kUnavailable) for a device that our kernels cannot run on.
void check_usable(int32_t ordinal, const runtime::Properties& properties);

DndDeviceDescription description_of(const runtime::Properties& properties);

}  // namespace dnd::cuda
