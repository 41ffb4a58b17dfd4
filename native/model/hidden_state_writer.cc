#include "model/hidden_state_writer.h"

#include <algorithm>

namespace dnd {
namespace {

constexpr size_t kFloat = sizeof(float);

}  // namespace

HiddenStateWriter::HiddenStateWriter(const Device& device, const int32_t* mask, const EncodeShape& shape,
                                     int64_t columns, float* states)
    : device_(device), mask_(mask), shape_(shape), columns_(columns), states_(states) {
  const int64_t rows = shape.pooling == Pooling::kNone ? shape.prompts * shape.length : shape.prompts;
  // Without encoded padding, some rows are never written.
  if (shape.padding == Padding::kZero || shape.pooling != Pooling::kNone) std::fill_n(states, rows * columns, 0.0f);
  if (shape.pooling == Pooling::kMean) {
    sums_.resize(shape.prompts * columns);
    real_.resize(shape.prompts);
  }
}

void HiddenStateWriter::write(const WindowBatch& batch, const WindowBatch::Chunk& chunk, const float* results) {
  if (shape_.pooling == Pooling::kMean) return add_means(batch, chunk, results);
  for (size_t index = chunk.first; index < chunk.end; ++index) {
    const WindowBatch::Window& window = batch.windows()[index];
    const float* rows = results + chunk.offsets[index - chunk.first] * columns_;
    if (shape_.pooling == Pooling::kNone) {
      write_positions(window, rows);
    } else {
      for (const int64_t place : window.places) {
        download(states_ + place / shape_.windows_per_prompt() * columns_, rows, 1);
      }
    }
  }
  fetch();
}

void HiddenStateWriter::write_positions(const WindowBatch::Window& window, const float* rows) {
  const int32_t* mask = mask_ + window.places[0] * shape_.window;
  const auto wanted = [&](int64_t position) { return window.whole || mask[position] != 0; };
  for (int64_t position = 0; position < shape_.window;) {
    int64_t run_end = position;
    while (run_end < shape_.window && wanted(run_end)) ++run_end;
    const int64_t run = run_end - position;
    for (const int64_t place : window.places) {
      download(states_ + (place * shape_.window + position) * columns_, rows, run);
    }
    rows += run * columns_;
    position = run_end + 1;
  }
}

/// Weighted sums of window means, because the windows of a prompt may be in different chunks.
void HiddenStateWriter::add_means(const WindowBatch& batch, const WindowBatch::Chunk& chunk,
                                  const float* device_means) {
  std::vector<float> means(chunk.windows() * columns_);
  download(means.data(), device_means, chunk.windows());
  fetch();
  for (size_t index = chunk.first; index < chunk.end; ++index) {
    const WindowBatch::Window& window = batch.windows()[index];
    const float* mean = means.data() + (index - chunk.first) * columns_;
    const double weight = static_cast<double>(window.real);
    for (const int64_t place : window.places) {
      const int64_t prompt = place / shape_.windows_per_prompt();
      for (int64_t i = 0; i < columns_; ++i) sums_[prompt * columns_ + i] += weight * mean[i];
      real_[prompt] += weight;
    }
  }
}

void HiddenStateWriter::finish() {
  if (shape_.pooling != Pooling::kMean) return;
  for (int64_t prompt = 0; prompt < shape_.prompts; ++prompt) {
    if (real_[prompt] == 0) continue;
    for (int64_t i = 0; i < columns_; ++i) {
      states_[prompt * columns_ + i] = static_cast<float>(sums_[prompt * columns_ + i] / real_[prompt]);
    }
  }
}

void HiddenStateWriter::download(float* destination, const float* source, int64_t rows) {
  const int64_t before = pending_.count * columns_;
  if (pending_.count > 0 && destination == pending_.destination + before && source == pending_.source + before) {
    pending_.count += rows;
    return;
  }
  fetch();
  pending_ = {destination, source, rows};
}

void HiddenStateWriter::fetch() {
  if (pending_.count > 0) {
    device_.call(device_->download, static_cast<void*>(pending_.destination), static_cast<const void*>(pending_.source),
                 static_cast<size_t>(pending_.count * columns_) * kFloat);
  }
  pending_ = {};
}

}  // namespace dnd
