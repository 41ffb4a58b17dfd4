#pragma once

#include "cuda/device/half.h"

namespace dnd::cuda {

/// A float as what spectra are stored as: Half or float.
template <typename Element>
__device__ __forceinline__ Element to_element(float value);

template <>
__device__ __forceinline__ Half to_element<Half>(float value) {
  return to_half(value);
}
template <>
__device__ __forceinline__ float to_element<float>(float value) {
  return value;
}

}  // namespace dnd::cuda
