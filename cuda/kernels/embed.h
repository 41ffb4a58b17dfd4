#pragma once

#include <cstdint>

#include "cuda/runtime/runtime.h"

/// BERT embeddings before their LayerNorm: `embed` of native/backend.h.
namespace dnd::cuda {

/// y[r] = word[ids[r]] + position[positions[r]] + type[0]; ids, positions int32 [rows], within the tables, whose rows
/// have `columns` floats; y [rows, columns]. All on the device.
struct EmbedArguments {
  const int32_t *ids, *positions;
  int64_t rows;
  const float *word, *position, *type;
  int64_t columns;
  float* y;
};

void launch_embed(runtime::Stream stream, const EmbedArguments& arguments);
void launch_embed_naive(runtime::Stream stream, const EmbedArguments& arguments);

}  // namespace dnd::cuda
