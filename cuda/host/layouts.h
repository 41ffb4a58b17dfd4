#pragma once

#include <list>
#include <vector>

#include "backend.h"
#include "cuda/host/memory.h"
#include "cuda/host/queue.h"

namespace dnd::cuda {

/// Tables of adapter layouts on the device, found again by their content.
class Layouts {
 public:
  Layouts(DeviceMemory& memory, Queue& queue) : memory_(memory), queue_(queue) {}

  /// The layout's tensors, on the device until `invalidate`. May be called while a pass is recorded.
  const DndAdapterTensor* tensors_of(const DndAdapterLayout& layout);
  size_t size() const { return tables_.size(); }
  void invalidate() { tables_.clear(); }

 private:
  struct Table {
    std::vector<DndAdapterTensor> tensors;
    DeviceMemory::Block memory;
  };
  DeviceMemory& memory_;
  Queue& queue_;
  std::list<Table> tables_;
};

}  // namespace dnd::cuda
