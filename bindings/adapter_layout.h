#pragma once

#include <vector>

#include "arguments.h"
#include "backend.h"

namespace dnd::bindings {

/// An adapter layout with the tensors that it names.
class AdapterLayout {
 public:
  /// { tokens, height, width, rank, chunk, elements, tensors }: flat, five numbers for each tensor in the order of
  /// DndAdapterTensor. What they mean together is checked by the model.
  explicit AdapterLayout(const Argument& layout);

  DndAdapterLayout view() const;

 private:
  DndAdapterLayout layout_{};
  std::vector<DndAdapterTensor> tensors_;
};

}  // namespace dnd::bindings
