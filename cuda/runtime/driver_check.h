#pragma once

#include <string>

namespace dnd::cuda {

/// CUDA 13.0, which driver 580 brings; the runtime of every later 13.x works with it too.
inline constexpr int kNeededDriverVersion = 13000;

/// 13000 → "13.0".
inline std::string cuda_version_name(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

/// The problem and its remedy if a driver of this version (in CUDA's numbering, 0: none) cannot be used; "" where it
/// can.
inline std::string driver_problem(int version) {
  if (version == 0) {
    return "no NVIDIA driver was found (libcuda.so.1 cannot be loaded): install driver 580 or newer, in a container "
           "give "
           "it the GPU (--gpus all), or use the CPU";
  }
  if (version < kNeededDriverVersion) {
    return "the NVIDIA driver supports CUDA " + cuda_version_name(version) + " and CUDA " +
           cuda_version_name(kNeededDriverVersion) + " is needed: install driver 580 or newer, or use the CPU";
  }
  return "";
}

/// Where the driver is good and yet shows no device.
inline std::string no_device_problem(int version) {
  return "the NVIDIA driver (CUDA " + cuda_version_name(version) +
         ") shows no GPU: look at nvidia-smi and CUDA_VISIBLE_DEVICES, or use the CPU";
}

}  // namespace dnd::cuda
