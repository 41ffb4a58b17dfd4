#pragma once

#include <cstdint>
#include <vector>

#include "model/device.h"
#include "model/window_batch.h"

namespace dnd {

/// Writes the encoder's hidden states into the result of a batch: each window at all its positions, or pooled.
class HiddenStateWriter {
 public:
  /// states: [prompts, length, columns], or [prompts, columns] when pooled; host memory.
  HiddenStateWriter(const Device& device, const int32_t* mask, const EncodeShape& shape, int64_t columns,
                    float* states);

  Pooling pooling() const { return shape_.pooling; }

  /// results, in device memory: hidden states [chunk.rows(), columns], or with mean pooling the means of the windows
  /// [chunk.windows(), columns].
  void write(const WindowBatch& batch, const WindowBatch::Chunk& chunk, const float* results);

  /// Call after the last chunk.
  void finish();

 private:
  void write_positions(const WindowBatch::Window& window, const float* rows);
  void add_means(const WindowBatch& batch, const WindowBatch::Chunk& chunk, const float* device_means);
  /// Merges rows that are contiguous on both sides into one copy.
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
  std::vector<double> sums_;  ///< [prompts, columns] over the real tokens, for mean pooling
  std::vector<double> real_;  ///< [prompts] number of real tokens
  Rows pending_{};            ///< not yet copied
};

}  // namespace dnd
