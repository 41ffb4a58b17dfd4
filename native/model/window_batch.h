#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace dnd {

enum class Padding {
  kEncode,  ///< hidden states of padding positions are computed, as in the published code
  kZero,    ///< they are zeros, without computation
};
enum class Pooling { kNone, kMean, kCls };

/// A batch for the text encoder. Rows of `length` ids are split into windows that are encoded separately, each with
/// positions from 0.
struct EncodeShape {
  int64_t prompts, length, window;
  Padding padding;
  Pooling pooling;

  int64_t windows_per_prompt() const { return length / window; }
};

/// The part of a batch that has to be encoded: its distinct windows, each with all positions or only the real ones.
/// Real tokens do not attend to padding, so the latter suffice where hidden states of padding are zeros or not pooled.
class WindowBatch {
 public:
  /// ids, mask [prompts, length]; must outlive the object. `padding_id`: positions are counted as RoBERTa does, from
  /// padding_id + 1 on and without the tokens of that id, whose position is padding_id; -1: they are places in the window.
  WindowBatch(const int32_t* ids, const int32_t* mask, const EncodeShape& shape, int64_t padding_id = -1);

  struct Window {
    std::vector<int64_t> places;  ///< prompt · windows_per_prompt + window of each equal window in the batch
    bool whole;                   ///< including padding positions
    int64_t rows;                 ///< positions to compute
    int64_t real;                 ///< number of real tokens
  };
  const std::vector<Window>& windows() const { return windows_; }

  /// Some windows with their positions packed contiguously, as the device's operations require.
  struct Chunk {
    size_t first, end;                          ///< windows()[first, end)
    std::vector<int64_t> offsets;               ///< [windows + 1] first row of each
    std::vector<int32_t> ids, positions, mask;  ///< [rows]
    std::vector<int32_t> places;                ///< [rows] in the window, from 0
    int64_t longest;                            ///< rows of the longest window

    int64_t rows() const { return offsets.back(); }
    int64_t windows() const { return static_cast<int64_t>(end - first); }
  };
  /// As many windows from `first` on as fit into `max_rows`, at least one.
  Chunk chunk(size_t first, int64_t max_rows) const;

 private:
  const int32_t* ids_of(int64_t place) const { return ids_ + place * shape_.window; }
  const int32_t* mask_of(int64_t place) const { return mask_ + place * shape_.window; }
  bool needs_padding(int64_t place) const;

  const int32_t* ids_;
  const int32_t* mask_;
  EncodeShape shape_;
  int64_t padding_id_;
  std::vector<Window> windows_;
};

}  // namespace dnd
