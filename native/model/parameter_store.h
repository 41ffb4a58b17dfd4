#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/job.h"
#include "core/memory.h"
#include "model/mapped_parameters.h"
#include "model/parameters.h"

namespace dnd {

/// The named parameters of a model, in host memory, whatever the device: float32 in its own, or that of a mapped file, where
/// some may be in half precision.
class ParameterStore {
 public:
  ParameterStore() = default;
  /// Parameters of these names and sizes, if aligned, are where `mapped` has them: for reading only.
  explicit ParameterStore(MappedParameters mapped) : places_(std::move(mapped)) {
    for (const auto& [name, values] : places_) files_.insert(values.file);
  }

  /// Uninitialised memory for a new parameter, unless it is mapped. Error(kOutOfMemory) naming the tensor and its shape,
  /// Error(kInvalidArgument) for a size overflow.
  const float* add(const std::string& name, std::vector<int64_t> shape) {
    return add_contiguous({{name, std::move(shape)}});
  }

  /// The same for a parameter that is taken as it is mapped, also if that is F16 or BF16.
  StoredValues add_stored(const std::string& name, std::vector<int64_t> shape) {
    return add_all({{name, std::move(shape)}}, true);
  }

  /// The same for contiguous parameters of equal shape, readable as one. Returns the first.
  const float* add_stacked(const std::vector<std::string>& names, const std::vector<int64_t>& shape) {
    return add_contiguous(of_shape(names, shape));
  }
  StoredValues add_stacked_stored(const std::vector<std::string>& names, const std::vector<int64_t>& shape) {
    return add_all(of_shape(names, shape), true);
  }

  /// The same for contiguous parameters of any shapes: mapped if they are contiguous in a file.
  const float* add_contiguous(const std::vector<ParameterInfo>& parameters) {
    return add_all(parameters, false).floats();
  }

  const std::vector<ParameterInfo>& infos() const { return infos_; }
  /// Those that were added together and are contiguous: the index of the first of each such block.
  const std::vector<size_t>& blocks() const { return blocks_; }
  /// Of the memory of its own.
  int64_t bytes() const { return bytes_; }
  int64_t mapped_bytes() const { return mapped_bytes_; }
  bool is_mapped(size_t index) const { return values_[index].own == nullptr; }

  /// Error(kInvalidArgument) for an unknown name.
  size_t index_of(const std::string& name) const;
  StoredValues stored(size_t index) const { return values_[index].stored; }
  /// In float32; else Error(kInternal).
  const float* at(size_t index) const { return stored(index).floats(); }
  /// Error(kInvalidArgument) for an unknown name.
  const float* find(const std::string& name) const { return at(index_of(name)); }

  /// For writing before the model's next job; marks resident copies of the parameters as stale. Error(kInvalidArgument)
  /// for a mapped one.
  float* writable(size_t index);
  float* writable(const std::string& name) { return writable(index_of(name)); }

  /// Changes whenever parameters may have changed.
  uint64_t generation() const { return generation_; }

  /// To be called after reading, before results count: Error(kCorruptFile) if a mapped file was cut or written to since it
  /// was mapped.
  void require_unchanged() const;

  /// The first value of the mapped parameters that is NaN or infinite: index of the parameter, and of the element.
  std::optional<std::pair<size_t, int64_t>> first_non_finite(int threads, Job& job) const;

 private:
  static std::vector<ParameterInfo> of_shape(const std::vector<std::string>& names, const std::vector<int64_t>& shape);

  struct Values {
    StoredValues stored;
    float* own;  ///< null: mapped
  };

  StoredValues add_all(const std::vector<ParameterInfo>& parameters, bool halves);
  /// Nothing unless all of them are mapped, one after the other and in the same type.
  std::optional<StoredValues> mapped(const std::vector<ParameterInfo>& parameters, bool halves) const;
  float* allocated(const std::vector<ParameterInfo>& parameters, int64_t bytes);

  MappedParameters places_;  ///< of those that were mapped, and others
  std::set<std::shared_ptr<const MappedFile>> files_;
  std::vector<ParameterInfo> infos_;
  std::vector<Memory> memory_;
  std::vector<size_t> blocks_;  ///< first info of those added together
  std::vector<Values> values_;  ///< one per info
  std::unordered_map<std::string, size_t> index_;
  int64_t bytes_ = 0, mapped_bytes_ = 0;
  uint64_t generation_ = 0;
};

}  // namespace dnd
