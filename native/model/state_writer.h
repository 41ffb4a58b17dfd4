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

  Pooling pooling() const { return shape_.pooling; }

  /// results: hidden states [chunk.rows(), columns], or means of windows [chunk.windows(), columns] when pooled so; on
  /// the device.
  void write(const WindowBatch& batch, const WindowBatch::Chunk& chunk, const float* results);

  /// After the last chunk.
  void finish();

 private:
  void write_positions(const WindowBatch::Window& window, const float* rows);
  void add_means(const WindowBatch& batch, const WindowBatch::Chunk& chunk, const float* device_means);
  /// Rows that follow those before them, on both sides, are fetched together with them.
  void download(float* destination, const float* source, int64_t rows);
  void fetch();

  struct Rows {
    float* destination;
    const float* source;
    int64_t count;
  };

  const Device& device_;
  const int32_t* mask_;
  const EncodeShape shape_;
  const int64_t columns_;
  float* const states_;
  std::vector<double> sums_;  ///< [prompts, columns] of the real tokens' states, when pooled by their mean
  std::vector<double> real_;  ///< [prompts] tokens in them
  Rows pending_{};            ///< not yet fetched
};

}  // namespace dnd
