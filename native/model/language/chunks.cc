#include "model/language/chunks.h"

#include <algorithm>

namespace dnd {
namespace {

/// Activations of a chunk. Every chunk packs the weights again, so it should not be small.
constexpr int64_t kWorkspaceBytes = int64_t{192} << 20;

}  // namespace

size_t chunk_end(const std::vector<int64_t>& lengths, size_t begin, int64_t rows) {
  size_t end = begin + 1;
  int64_t taken = lengths[begin];
  while (end < lengths.size() && taken + lengths[end] <= rows) taken += lengths[end++];
  return end;
}

int64_t chunk_rows(const CausalConfig& config, bool with_logits) {
  const int64_t columns = 4 * config.hidden_size + 2 * config.query_width() + 2 * config.key_value_width() +
                          2 * config.intermediate_size + (with_logits ? config.vocab_size : 0);
  return std::max<int64_t>(1, kWorkspaceBytes / (columns * static_cast<int64_t>(sizeof(float))));
}

}  // namespace dnd
