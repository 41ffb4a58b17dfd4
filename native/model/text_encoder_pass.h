#pragma once

#include <cstdint>
#include <vector>

#include "model/device_pass.h"
#include "model/text_encoder.h"

namespace dnd {

/// The forward pass of a text encoder over one chunk of windows, in its own device memory.
class TextEncoderPass {
 public:
  TextEncoderPass(const TextEncoder& encoder, const WindowBatch::Chunk& chunk, const EncodeShape& shape,
                  const DndControl* control);

  /// Activations of a row.
  static int64_t row_bytes(const TextEncoderConfig& config);
  /// Upper bound on the device memory of a chunk.
  static int64_t bytes(const TextEncoderConfig& config, int64_t rows, int64_t windows, int64_t window, Pooling pooling);
  /// Query, key or value (0, 1, 2) of the three stacked.
  static TextEncoder::Linear part_of(const TextEncoder::Linear& stacked, int64_t part, int64_t inner, int64_t hidden);

  /// Runs the operations and waits for them.
  void run();

  /// After `run`: hidden states [chunk.rows(), hidden_size], or the mean of each window [chunk.windows(), hidden_size].
  const float* result() const { return pooling_ == Pooling::kMean ? means_.data() : states_; }

 private:
  void embed();
  void apply_post_norm(const TextEncoder::Layer& layer, size_t index);
  void apply_pre_norm(const TextEncoder::Layer& layer, size_t index);
  /// Of x [rows, hidden_size]; the result, [rows, inner_width], is in wide_.
  const float* attend(const TextEncoder::Layer& layer, size_t index, const float* x) const;
  const float* attend_gathered(const TextEncoder::Layer& layer, const float* x) const;
  const float* attend_relatively(const TextEncoder::Layer& layer, size_t index, const float* x) const;
  const float* feed_forward(const TextEncoder::Layer& layer, const float* x) const;
  void linear(const TextEncoder::Linear& layer, const float* from, int64_t in, int64_t out, DndActivation with,
              const float* residual, float* to) const;
  void linear(const TextEncoder::Linear& layer, const float* from, int64_t rows, int64_t in, int64_t out, float* to) const;
  void norm(const TextEncoder::Norm& norm, const float* from, float* to) const;

  const TextEncoder& encoder_;
  const TextEncoderConfig& config_;
  const Device& device_;
  const WindowBatch::Chunk& chunk_;
  const Pooling pooling_;
  const DndControl* control_;
  const int64_t rows_, hidden_, inner_, span_;
  const std::vector<int32_t> real_rows_;  ///< whose keys and values alone are computed; empty: those of all rows
  DevicePass pass_;
  DeviceArray ids_, positions_, mask_, offsets_;
  DeviceArray keys_, key_offsets_;  ///< the real rows, and the first of each window
  DeviceArray places_, buckets_;   ///< for relative attention
  DeviceArray first_, second_;    ///< [rows, hidden_size]
  DeviceArray wide_;              ///< [rows, wide columns]
  DeviceArray means_;
  float *states_, *sums_;  ///< first_ and second_, either way round
};

}  // namespace dnd
