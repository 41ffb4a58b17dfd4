#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "cuda/host/best_fit.h"
#include "cuda/host/memory.h"

namespace dnd::cuda {

/// The memory of passes: the same allocations and releases after a reset get the same addresses, whatever other passes
/// did in between. It is one block, unless holes between allocations made another one necessary.
class Arena {
 public:
  explicit Arena(DeviceMemory& memory) : memory_(memory) {}

  /// Empties it. Where it has less than `bytes` it is reallocated: true then, nothing in it is where it was. When that
  /// fails with Error(kOutOfMemory), it has no memory at all.
  bool reset(int64_t bytes);
  /// Null if there is no space.
  void* take(size_t bytes);
  /// Space for an allocation of so many bytes beside the live ones. Error(kOutOfMemory).
  void extend(size_t bytes);
  /// False for an address that is none of its own; addresses of it that are free already are ignored.
  bool give_back(void* address);

  void clear() { parts_.clear(); }
  int64_t bytes() const;

 private:
  struct Part {
    DeviceMemory::Block block;
    BestFit places;
  };
  void add(int64_t bytes);

  DeviceMemory& memory_;
  std::vector<Part> parts_;
};

}  // namespace dnd::cuda
