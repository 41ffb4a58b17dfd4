#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace dnd {

enum class Padding {
  kEncode,  ///< states of padding positions are computed, as the published code does
  kZero,    ///< they are zeros, and cost nothing
};
enum class Pooling { kNone, kMean, kCls };

/// A batch for the text encoder. Rows of `length` ids are cut into windows that pass through it one by one, positions
/// counted anew in each.
struct EncodeShape {
  int64_t prompts, length, window;
  Padding padding;
  Pooling pooling;

  int64_t windows_per_prompt() const { return length / window; }
};

/// What of a batch has to pass through the encoder: its distinct windows, and of each all positions or only the real
/// ones. No real token sees a padding position, so the latter suffice where padding states are zeros or pooled away.
class WindowBatch {
 public:
  /// Keeps the pointers: ids, mask [prompts, length].
  WindowBatch(const int32_t* ids, const int32_t* mask, const EncodeShape& shape);

  struct Window {
    std::vector<int64_t> places;  ///< prompt · windows_per_prompt + window of each equal window in the batch
    bool whole;                   ///< padding positions too
    int64_t rows;                 ///< positions to compute
    int64_t real;                 ///< of them with a real token
  };
  const std::vector<Window>& windows() const { return windows_; }

  /// Some windows with their positions packed one after the other, as the device's operations take them.
  struct Chunk {
    size_t first, end;                          ///< windows()[first, end)
    std::vector<int64_t> offsets;               ///< [windows + 1] first row of each
    std::vector<int32_t> ids, positions, mask;  ///< [rows]
    int64_t longest;                            ///< rows of the longest window

    int64_t rows() const { return offsets.back(); }
    int64_t windows() const { return static_cast<int64_t>(end - first); }
  };
  /// Windows from `first` on, as many as fit into `most_rows`, one at least.
  Chunk chunk(size_t first, int64_t most_rows) const;

 private:
  const int32_t* ids_of(int64_t place) const { return ids_ + place * shape_.window; }
  const int32_t* mask_of(int64_t place) const { return mask_ + place * shape_.window; }
  bool needs_padding(int64_t place) const;

  const int32_t* ids_;
  const int32_t* mask_;
  EncodeShape shape_;
  std::vector<Window> windows_;
};

}  // namespace dnd
