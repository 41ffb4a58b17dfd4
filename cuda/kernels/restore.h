#pragma once

#include <cstdint>

#include "backend.h"
#include "cuda/runtime/runtime.h"

/// De-normalises weight tokens into the tensors of adapters: `restore` of native/backend.h; docs/formats.md has the
/// scheme.
namespace dnd::cuda {

/// tokens float32 [batch, token_count, height, width], height and width even; adapters float32 [batch, elements];
/// `tensors` on the device, as everything else, first_token ascending. What no token covers is left alone.
struct RestoreArguments {
  const float* tokens;
  int64_t batch, token_count, height, width;
  int64_t rank, chunk, elements;
  const DndAdapterTensor* tensors;
  int64_t tensor_count;
  float* adapters;
};

/// Computed in doubles, and rounded once.
void launch_restore(runtime::Stream stream, const RestoreArguments& arguments);
void launch_restore_naive(runtime::Stream stream, const RestoreArguments& arguments);

}  // namespace dnd::cuda
