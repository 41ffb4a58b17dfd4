#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "backend.h"
#include "core/float_conversion.h"
#include "core/status.h"

namespace dnd {

/// Values of a parameter where and as they are stored.
struct StoredValues {
  const void* data;
  FloatType type;

  /// Error(kInternal) for another type than F32.
  const float* floats() const {
    if (type != FloatType::kF32) throw Error(ErrorCode::kInternal, "a parameter in half precision was read as float32");
    return static_cast<const float*>(data);
  }
  /// Those from an element on.
  StoredValues part_from(int64_t element) const {
    return {static_cast<const char*>(data) + element * bytes_of(type), type};
  }
  /// As operations take them.
  DndWeight operand() const {
    if (type == FloatType::kF16) return {data, kDndFloat16Weight};
    if (type == FloatType::kBF16) return {data, kDndBfloat16Weight};
    return {floats(), kDndFloat32Weight};
  }
};

struct ParameterInfo {
  std::string name;            ///< as published (decoder) or in Hugging Face (encoder)
  std::vector<int64_t> shape;
  int64_t elements() const {
    int64_t product = 1;
    for (int64_t size : shape) product *= size;
    return product;
  }
};

}  // namespace dnd
