#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "model/device.h"
#include "model/parameters.h"

namespace dnd {

/// The named parameters of a model: float32 on the model's device.
class ParameterStore {
 public:
  explicit ParameterStore(const Device& device) : device_(device) {}

  /// Memory for a new parameter, uninitialised. Error(kOutOfMemory) naming the tensor and its shape,
  /// Error(kInvalidArgument) when its size does not fit any memory.
  float* add(const std::string& name, std::vector<int64_t> shape) { return add_stacked({name}, std::move(shape)); }

  /// The same for parameters of equal shapes that lie one after the other, to be read as one. Returns the first.
  float* add_stacked(const std::vector<std::string>& names, std::vector<int64_t> shape);

  const std::vector<ParameterInfo>& infos() const { return infos_; }
  int64_t bytes() const { return bytes_; }
  float* at(size_t index) const { return data_[index]; }

  /// Error(kInvalidArgument) for a name that the model does not have.
  float* find(const std::string& name) const;

 private:
  const Device& device_;
  std::vector<ParameterInfo> infos_;
  std::vector<DeviceArray> memory_;
  std::vector<float*> data_;  ///< within memory_, one per info
  std::unordered_map<std::string, size_t> index_;
  int64_t bytes_ = 0;
};

}  // namespace dnd
