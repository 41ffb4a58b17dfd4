#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "backend_training.h"
#include "core/memory.h"
#include "model/parameters.h"
#include "model/training/optimiser_options.h"

namespace dnd {

/// Moments of smaller parameters are always float32, as in bitsandbytes.
constexpr int64_t kMinQuantisedElements = 4096;

/// The moments of every parameter, in host memory. Allocated and zeroed on first use.
class OptimiserStates {
 public:
  OptimiserStates(const std::vector<ParameterInfo>& parameters, MomentType type);

  const std::vector<StateInfo>& infos() const { return infos_; }
  int64_t bytes() const { return bytes_; }

  /// Error(kInvalidArgument) for an unknown name, Error(kOutOfMemory) naming the state.
  void* find(const std::string& name);

  /// The operands of `adamw` or, if quantised, `adamw_quantised`.
  struct Moments {
    bool quantised;
    float *first, *second;  ///< if not quantised
    DndQuantisedMoments codes;
  };
  Moments of(size_t parameter);

  /// Allocates the memory on the first call.
  void reserve();

 private:
  void add(const std::string& name, int64_t elements, bool quantised);

  std::vector<StateInfo> infos_;
  std::vector<size_t> first_info_;  ///< index into infos_, by parameter: first, (largest,) second, (largest)
  std::unordered_map<std::string, size_t> index_;
  std::vector<Memory> memory_;
  int64_t bytes_ = 0;
};

}  // namespace dnd
