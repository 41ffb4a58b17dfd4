#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace dnd {

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
