#pragma once

#include <string>

#include "backend.h"

namespace dnd {

/// Where the CUDA library is or should be: what DND_CUDA_LIBRARY says, else libdnd_cuda.so beside the library or
/// program that this code is in.
std::string cuda_library_path();

/// The table of the device library at `path`, which is opened on first use and stays open. Safe to call from any
/// thread. Error(kUnavailable) that says what is wrong with it: no such file, not loadable, no entry, another table
/// version.
const DndBackend* device_library(const std::string& path);

}  // namespace dnd
