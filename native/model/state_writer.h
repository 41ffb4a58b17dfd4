#pragma once

#include <cstdint>
#include <vector>

#include "model/device.h"
#include "model/window_batch.h"

namespace dnd {

/// Puts the encoder's hidden states where a batch's result has them: every window at each of its places, or pooled.
class StateWriter {
 public:
  /// states: [prompts, length, columns], or [prompts, columns] when pooled; host memory.
  StateWriter(const Device& device, const int32_t* mask, const EncodeShape& shape, int64_t columns, float* states);

  /// hidden [chunk.rows(), columns], `mask` and `offsets` as for the operation mean_pool, all on the device.
  void write(const WindowBatch& batch, const WindowBatch::Chunk& chunk, const float* hidden, const int32_t* mask,
             const int64_t* offsets, const DndControl* control);

  /// After the last chunk.
  void finish();

 private:
  void write_positions(const WindowBatch::Window& window, const float* rows);
  void add_means(const WindowBatch& batch, const WindowBatch::Chunk& chunk, const float* hidden, const int32_t* mask,
                 const int64_t* offsets, const DndControl* control);
  void download(float* destination, const float* source, int64_t rows) const;

  const Device& device_;
  const int32_t* mask_;
  const EncodeShape shape_;
  const int64_t columns_;
  float* const states_;
  std::vector<double> sums_;  ///< [prompts, columns] of the real tokens' states, when pooled by their mean
  std::vector<double> real_;  ///< [prompts] tokens in them
};

}  // namespace dnd
