#pragma once

#include <vector>

#include "arguments.h"
#include "backend.h"

namespace dnd::bindings {

/// An adapter layout that owns its tensor list.
class AdapterLayout {
 public:
  /// { tokens, height, width, rank, chunk, elements, tensors }: flat, five numbers per tensor in the order of
  /// DndAdapterTensor. Consistency is checked by the model.
  explicit AdapterLayout(const Argument& layout);

  DndAdapterLayout view() const;

 private:
  DndAdapterLayout layout_{};
  std::vector<DndAdapterTensor> tensors_;
};

}  // namespace dnd::bindings
