#include <algorithm>
#include <cmath>

#include "cpu/layers/layers.h"
#include "plan/adapter_layout.h"

namespace dnd::cpu {
namespace {

// The format of the margins: src/adapter/token.ts, docs/formats.md.
constexpr double kMeanScale = 8;
constexpr double kDeviationScale = 0.9;
constexpr double kDeviationOffset = 0.1;
constexpr double kLogarithmOffset = 1.6;

struct MeanDeviation {
  double mean, deviation;
};

double average(const float* values, int64_t stride, int64_t count) {
  double sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += values[i * stride];
  return sum / static_cast<double>(count);
}

/// Margins may disagree. The even rows' estimate is paired with the second-to-last row, the odd rows' with the last;
/// each pair is averaged and inverted, and the two results are averaged.
MeanDeviation read_margins(const float* token, int64_t height, int64_t width) {
  MeanDeviation result{0, 0};
  for (int64_t parity = 0; parity < 2; ++parity) {
    const float* row = token + (height - 2 + parity) * width;
    const float* column = token + parity * width + width - 2;
    const double m = (average(row, 2, width / 2) + average(column, 2 * width, height / 2)) / 2;
    const double s = (average(row + 1, 2, width / 2) + average(column + 1, 2 * width, height / 2)) / 2;
    result.mean += m / kMeanScale / 2;
    result.deviation += (std::exp(s - kLogarithmOffset) - kDeviationOffset) / kDeviationScale / 2;
  }
  return result;
}

/// Token `index` of a tensor; `weights`: the whole tensor.
void denormalise_token(const float* token, const DndAdapterLayout& layout, const DndAdapterTensor& tensor,
                       int64_t index, float* weights) {
  const auto [mean, deviation] = read_margins(token, layout.height, layout.width);
  const int64_t first = index * layout.chunk, columns = std::min(layout.chunk, tensor.length - first);
  const int64_t row_stride = tensor.transposed != 0 ? 1 : tensor.length;
  const int64_t column_stride = tensor.transposed != 0 ? layout.rank : 1;
  for (int64_t row = 0; row < layout.rank; ++row) {
    const float* from = token + row * layout.width;
    float* to = weights + row * row_stride + first * column_stride;
    for (int64_t column = 0; column < columns; ++column) {
      to[column * column_stride] = static_cast<float>(from[column] * deviation + mean);
    }
  }
}

}  // namespace

void reconstruct(ThreadPool& pool, const Control& control, const float* tokens, int64_t batch,
                 const DndAdapterLayout& layout, float* adapters) {
  check_adapter_layout(layout);
  const int64_t token_elements = layout.height * layout.width;
  pool.parallel_for(batch * layout.tensor_count, [&](int64_t work, int) {
    control.throw_if_cancelled();
    const int64_t task = work / layout.tensor_count;
    const DndAdapterTensor& tensor = layout.tensors[work % layout.tensor_count];
    float* weights = adapters + task * layout.elements + tensor.offset;
    const float* token = tokens + (task * layout.tokens + tensor.first_token) * token_elements;
    for (int64_t index = 0; index < tensor.tokens; ++index) {
      denormalise_token(token + index * token_elements, layout, tensor, index, weights);
    }
  });
}

}  // namespace dnd::cpu
