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

/// Numbers of global memory at equal distances, one after the other. The distance is stored in bytes, so that a step is
/// one 64-bit sum.
template <typename Element>
class StridedOutput {
 public:
  __device__ __forceinline__ StridedOutput(Element* first, int64_t stride)
      : at_(reinterpret_cast<char*>(first)), bytes_(stride * static_cast<int64_t>(sizeof(Element))) {}

  __device__ __forceinline__ void put_if(bool inside, float value) {
    if (inside) *reinterpret_cast<Element*>(at_) = to_element<Element>(value);
    at_ += bytes_;
  }
  /// Stores two numbers.
  __device__ __forceinline__ void put(float first, float second) {
    if constexpr (sizeof(Element) == 2) {
      const uint32_t pair = pack_halves(first, second);  // one conversion
      put_element({static_cast<uint16_t>(pair)});
      put_element({static_cast<uint16_t>(pair >> 16)});
    } else {
      put_element(to_element<Element>(first));
      put_element(to_element<Element>(second));
    }
  }

 private:
  __device__ __forceinline__ void put_element(Element element) {
    *reinterpret_cast<Element*>(at_) = element;
    at_ += bytes_;
  }

  char* at_;
  int64_t bytes_;
};

/// As above of floats that are read. Where nothing is taken there need not be any memory.
class StridedInput {
 public:
  __device__ __forceinline__ StridedInput(const float* first, int64_t stride)
      : at_(reinterpret_cast<const char*>(first)), bytes_(stride * static_cast<int64_t>(sizeof(float))) {}

  __device__ __forceinline__ float take() { return take_if(true); }
  __device__ __forceinline__ float take_if(bool inside) {
    const float value = inside ? *reinterpret_cast<const float*>(at_) : 0;
    skip();
    return value;
  }
  __device__ __forceinline__ void skip() { at_ += bytes_; }

 private:
  const char* at_;
  int64_t bytes_;
};

}  // namespace dnd::cuda
