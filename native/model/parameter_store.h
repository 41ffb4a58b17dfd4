#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/memory.h"
#include "model/parameters.h"

namespace dnd {

/// The named parameters of a model: float32 in host memory, whatever the device.
class ParameterStore {
 public:
  /// Uninitialised memory for a new parameter. Error(kOutOfMemory) naming the tensor and its shape,
  /// Error(kInvalidArgument) for a size overflow.
  float* add(const std::string& name, std::vector<int64_t> shape) {
    return add_contiguous({{name, std::move(shape)}});
  }

  /// The same for contiguous parameters of equal shape, readable as one. Returns the first.
  float* add_stacked(const std::vector<std::string>& names, const std::vector<int64_t>& shape);

  /// The same for contiguous parameters of any shapes.
  float* add_contiguous(const std::vector<ParameterInfo>& parameters);

  const std::vector<ParameterInfo>& infos() const { return infos_; }
  /// Those that were added together and are contiguous: the index of the first of each such block.
  const std::vector<size_t>& blocks() const { return blocks_; }
  int64_t bytes() const { return bytes_; }

  const float* at(size_t index) const { return data_[index]; }
  /// Error(kInvalidArgument) for an unknown name.
  const float* find(const std::string& name) const { return at(index_of(name)); }

  /// For writing before the model's next job; marks resident copies of the parameters as stale.
  float* writable(size_t index) {
    ++generation_;
    return data_[index];
  }
  float* writable(const std::string& name) { return writable(index_of(name)); }

  /// Changes whenever parameters may have changed.
  uint64_t generation() const { return generation_; }

 private:
  size_t index_of(const std::string& name) const;

  std::vector<ParameterInfo> infos_;
  std::vector<Memory> memory_;
  std::vector<size_t> blocks_;  ///< first info of each of memory_
  std::vector<float*> data_;    ///< within memory_, one per info
  std::unordered_map<std::string, size_t> index_;
  int64_t bytes_ = 0;
  uint64_t generation_ = 0;
};

}  // namespace dnd
