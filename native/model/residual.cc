#include "model/residual.h"

#include <algorithm>

namespace dnd {
namespace {

/// The arithmetic of src/adapter/residual-token.ts, in double precision. `mean`, `weights`: the whole tensor.
void restore_token(const float* token, const DndAdapterLayout& layout, const DndAdapterTensor& tensor, int64_t index,
                   double scale, const float* mean, float* weights) {
  const int64_t first = index * layout.chunk, columns = std::min(layout.chunk, tensor.length - first);
  const int64_t row_stride = tensor.transposed != 0 ? 1 : tensor.length;
  const int64_t column_stride = tensor.transposed != 0 ? layout.rank : 1;
  for (int64_t row = 0; row < layout.rank; ++row) {
    const float* from = token + row * layout.width;
    const int64_t start = row * row_stride + first * column_stride;
    for (int64_t column = 0; column < columns; ++column) {
      const int64_t place = start + column * column_stride;
      // Not mean + 0 · element: where the checkpoints agree, even an infinite element changes nothing.
      weights[place] = scale == 0 ? mean[place] : static_cast<float>(from[column] * scale + mean[place]);
    }
  }
}

}  // namespace

void restore_residual(const DndAdapterLayout& layout, const ResidualReference& reference, const float* tokens,
                      float* adapter) {
  for (int64_t i = 0; i < layout.tensor_count; ++i) {
    const DndAdapterTensor& tensor = layout.tensors[i];
    for (int64_t index = 0; index < tensor.tokens; ++index) {
      const int64_t token = tensor.first_token + index;
      restore_token(tokens + token * layout.height * layout.width, layout, tensor, index, reference.scales[token],
                    reference.mean + tensor.offset, adapter + tensor.offset);
    }
  }
}

}  // namespace dnd
