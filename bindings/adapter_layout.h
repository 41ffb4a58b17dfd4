#pragma once

#include <vector>

#include "arguments.h"
#include "backend.h"
#include "model/residual.h"

namespace dnd::bindings {

/// An adapter layout that owns its tensor list.
class AdapterLayout {
 public:
  /// { tokens, height, width, rank, chunk, elements, tensors, residual }: flat, five numbers per tensor in the order of
  /// DndAdapterTensor. Consistency is checked by the model.
  /// `inputs` receives the buffers that a job with this layout must keep alive.
  AdapterLayout(const Argument& layout, std::vector<Napi::Value>& inputs);

  DndAdapterLayout view() const;
  const ResidualReference& residual() const { return residual_; }

 private:
  DndAdapterLayout layout_{};
  std::vector<DndAdapterTensor> tensors_;
  ResidualReference residual_;
};

}  // namespace dnd::bindings
