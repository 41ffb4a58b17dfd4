#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "core/float_conversion.h"
#include "core/mapped_file.h"

namespace dnd {

/// Where values of parameters lie in mapped files: dense and little-endian, from `offset` on.
struct MappedValues {
  std::shared_ptr<const MappedFile> file;
  int64_t offset, bytes;
  FloatType type = FloatType::kF32;
};

/// By the parameter's name.
using MappedParameters = std::unordered_map<std::string, MappedValues>;

}  // namespace dnd
