#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/memory.h"
#include "model/parameters.h"
#include "model/training/trainer.h"

namespace dnd {

/// Smaller parameters keep their moments in float32 always, as bitsandbytes does.
constexpr int64_t kLeastQuantisedElements = 4096;

/// The moments of every parameter, in host memory: known from the beginning, allocated and set to zero when they are
/// first asked for.
class OptimiserStates {
 public:
  OptimiserStates(const std::vector<ParameterInfo>& parameters, MomentType type);

  const std::vector<StateInfo>& infos() const { return infos_; }
  int64_t bytes() const { return bytes_; }

  /// Error(kInvalidArgument) for an unknown name, Error(kOutOfMemory) naming the state.
  void* find(const std::string& name);

  /// One step of the parameter of this number, by `adamw` or `adamw_quantised`.
  struct Moments {
    bool quantised;
    float *first, *second;  ///< where not quantised
    DndQuantisedMoments codes;
  };
  Moments of(size_t parameter);

  /// Takes the memory, the first time.
  void reserve();

 private:
  void add(const std::string& name, int64_t elements, bool quantised);

  std::vector<StateInfo> infos_;
  std::vector<size_t> first_info_;  ///< by parameter: the first moment, its largest, the second, its largest
  std::unordered_map<std::string, size_t> index_;
  std::vector<Memory> memory_;
  int64_t bytes_ = 0;
};

}  // namespace dnd
