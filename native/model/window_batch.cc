#include "model/window_batch.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <unordered_map>

namespace dnd {

WindowBatch::WindowBatch(const int32_t* ids, const int32_t* mask, const EncodeShape& shape,
                         int64_t padding_id)
    : ids_(ids), mask_(mask), shape_(shape), padding_id_(padding_id) {
  const size_t bytes = shape.window * sizeof(int32_t);
  const auto text_of = [bytes](const int32_t* values) {
    return std::string_view(reinterpret_cast<const char*>(values), bytes);
  };
  const auto hash = [&](int64_t place) {
    const std::hash<std::string_view> hash_text;
    return hash_text(text_of(ids_of(place))) * 31 + hash_text(text_of(mask_of(place)));
  };
  const auto equal = [&](int64_t a, int64_t b) {
    return std::memcmp(ids_of(a), ids_of(b), bytes) == 0 && std::memcmp(mask_of(a), mask_of(b), bytes) == 0;
  };
  std::unordered_map<int64_t, size_t, decltype(hash), decltype(equal)> seen(16, hash, equal);

  // Pooling by the first position needs only the first window of each prompt.
  const int64_t step = shape.pooling == Pooling::kCls ? shape.windows_per_prompt() : 1;
  for (int64_t place = 0; place < shape.prompts * shape.windows_per_prompt(); place += step) {
    const int64_t real = shape.window - std::count(mask_of(place), mask_of(place) + shape.window, 0);
    const bool whole = needs_padding(place);
    const bool wanted = shape.pooling == Pooling::kCls ? whole || mask_of(place)[0] != 0 : whole || real > 0;
    if (!wanted) continue;
    const auto [entry, is_new] = seen.try_emplace(place, windows_.size());
    if (is_new) windows_.push_back({{}, whole, whole ? shape.window : real, real});
    windows_[entry->second].places.push_back(place);
  }
}

bool WindowBatch::needs_padding(int64_t place) const {
  if (shape_.padding == Padding::kZero) return false;
  switch (shape_.pooling) {
    case Pooling::kNone: return true;
    case Pooling::kMean: return false;
    case Pooling::kCls: return mask_of(place)[0] == 0;
  }
  return true;
}

WindowBatch::Chunk WindowBatch::chunk(size_t first, int64_t max_rows) const {
  Chunk chunk{
      .first = first, .end = first, .offsets = {0}, .ids = {}, .positions = {}, .mask = {}, .places = {}, .longest = 0};
  while (chunk.end < windows_.size() && (chunk.end == first || chunk.rows() + windows_[chunk.end].rows <= max_rows)) {
    const Window& window = windows_[chunk.end++];
    const int32_t* ids = ids_of(window.places[0]);
    const int32_t* mask = mask_of(window.places[0]);
    int64_t counted = 0;
    for (int64_t place = 0; place < shape_.window; ++place) {
      if (ids[place] != padding_id_) ++counted;
      if (!window.whole && mask[place] == 0) continue;
      const int64_t position = padding_id_ < 0 ? place : padding_id_ + (ids[place] == padding_id_ ? 0 : counted);
      chunk.ids.push_back(ids[place]);
      chunk.positions.push_back(static_cast<int32_t>(position));
      chunk.mask.push_back(mask[place] != 0);
      chunk.places.push_back(static_cast<int32_t>(place));
    }
    chunk.offsets.push_back(static_cast<int64_t>(chunk.ids.size()));
    chunk.longest = std::max(chunk.longest, window.rows);
  }
  return chunk;
}

}  // namespace dnd
