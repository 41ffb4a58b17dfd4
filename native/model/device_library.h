#pragma once

#include <string>

#include "backend.h"

namespace dnd {

/// Expected path of the CUDA library: $DND_CUDA_LIBRARY, or libdnd_cuda.so beside the library or program that contains
/// this code.
std::string cuda_library_path();

/// The backend interface of the device library at `path`, opened on first use and never closed. Thread-safe.
/// Error(kUnavailable) with the reason: no such file, not loadable, no entry point, another interface version.
const DndBackend* device_library(const std::string& path);

}  // namespace dnd
