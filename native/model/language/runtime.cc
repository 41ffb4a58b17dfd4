#include "model/language/runtime.h"

#include <bit>
#include <cmath>
#include <string>

#include "model/bfloat16_bytes.h"

namespace dnd {
namespace {

constexpr int64_t kFloat = sizeof(float);
/// The CPU packs at most so much of a weight at a time (cpu/gemm/gemm.cc).
constexpr int64_t kPackedBytes = int64_t{64} << 20;

const DeviceChoice& check_language(const DeviceChoice& device) {
  if (device.backend->language == nullptr || device.backend->host_memory == 0) {
    throw Error(ErrorCode::kUnavailable, "the device '" + std::string(device.backend->name) +
                                             "' runs no language models; choose the device cpu");
  }
  return device;
}

/// A longer table is rare: all parameters are then uploaded again.
int64_t table_positions(int64_t positions, int64_t most) {
  constexpr int64_t kLeast = 512;
  const int64_t longer = static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(positions)));
  return std::min(std::max(kLeast, longer), most);
}

}  // namespace

CausalRuntime::CausalRuntime(std::shared_ptr<const CausalModel> model, const DeviceChoice& device)
    : model_(std::move(model)),
      device_(check_language(device)),
      keeps_bfloat16_(device.options.precision == kDndBfloat16) {}

void CausalRuntime::prepare(int64_t positions, Job& job, PassKind kind) {
  const uint64_t generation = model_->parameters().generation();
  const bool stale = resident_generation_ != generation;
  const bool short_table = static_cast<int64_t>(rotary_.size()) < positions * config().head_width;
  if (stale || short_table) {
    device_.call(device_->invalidate);
    resident_generation_ = 0;
    gradients_resident_ = false;
    if (short_table) extend_rotary(positions);
    upload_parameters(job);
    resident_generation_ = generation;
  }
  if (kind == PassKind::kForward || gradients_resident_) return;
  upload_weight_gradients(job);
  gradients_resident_ = true;
}

/// Angles are rounded to float as transformers rounds them, so that long texts get the positions a model was trained with.
void CausalRuntime::extend_rotary(int64_t positions) {
  const int64_t half = config().head_width / 2, count = table_positions(positions, config().max_positions);
  rotary_.resize(static_cast<size_t>(count * 2 * half));
  for (int64_t position = 0; position < count; ++position) {
    float* const row = rotary_.data() + position * 2 * half;
    for (int64_t i = 0; i < half; ++i) {
      const float frequency = static_cast<float>(config().inverse_frequencies[static_cast<size_t>(i)]);
      const double angle = static_cast<float>(position) * frequency;
      row[i] = static_cast<float>(std::cos(angle));
      row[half + i] = static_cast<float>(std::sin(angle));
    }
  }
}

void CausalRuntime::upload_parameters(Job& job) {
  const int64_t hidden = config().hidden_size, vocabulary = config().vocab_size;
  device_.call(device_->upload_values, rotary_.data(), static_cast<int64_t>(rotary_.size()));
  const StoredValues table = model_->embedding();
  if (table.type == FloatType::kF32) device_.call(device_->upload_values, table.floats(), vocabulary * hidden);
  for (const CausalLayer& layer : model_->layers()) {
    job.throw_if_cancelled();
    for (const Projection& projection : layer.projections) {
      device_.call(device_->upload_linear, projection.weight.operand(), projection.out, projection.in);
      if (projection.bias != nullptr) device_.call(device_->upload_values, projection.bias, projection.out);
    }
    for (const float* norm : {layer.input_norm, layer.post_attention_norm}) {
      device_.call(device_->upload_values, norm, hidden);
    }
    for (const float* norm : {layer.query_norm, layer.key_norm}) {
      if (norm != nullptr) device_.call(device_->upload_values, norm, config().head_width);
    }
  }
  device_.call(device_->upload_values, model_->final_norm(), hidden);
  device_.call(device_->upload_linear, model_->head().operand(), vocabulary, hidden);
}

void CausalRuntime::upload_weight_gradients(Job& job) {
  for (const CausalLayer& layer : model_->layers()) {
    job.throw_if_cancelled();
    for (const Projection& projection : layer.projections) {
      device_.call(language().upload_linear_gradient, projection.weight.operand(), projection.out, projection.in);
    }
  }
  device_.call(language().upload_linear_gradient, model_->head().operand(), config().vocab_size, config().hidden_size);
}

int64_t CausalRuntime::resident_bytes(PassKind kind) const {
  if (!keeps_bfloat16_) return 0;
  int64_t bytes = bfloat16_bytes(config().vocab_size, config().hidden_size);
  for (const CausalLayer& layer : model_->layers()) {
    for (const Projection& projection : layer.projections) bytes += bfloat16_bytes(projection.out, projection.in);
  }
  return kind == PassKind::kBackward ? 2 * bytes : bytes;
}

int64_t CausalRuntime::other_bytes(int64_t positions, PassKind kind) const {
  const CausalConfig& c = config();
  const int64_t widest = std::max({c.vocab_size, c.intermediate_size, c.query_width()});
  const int64_t table = table_positions(positions, c.max_positions) * c.head_width * kFloat;
  return std::min(kPackedBytes, widest * c.hidden_size * kFloat) + table + resident_bytes(kind);
}

void CausalRuntime::reserve_block(int64_t bytes) {
  if (block_bytes_ >= bytes) return;
  free_block_beyond(0);
  block_ = DeviceArray::of_bytes(device_, static_cast<size_t>(bytes));
  block_bytes_ = bytes;
}

void CausalRuntime::free_block_beyond(int64_t bytes) {
  if (block_bytes_ <= bytes) return;
  block_.reset();
  block_bytes_ = 0;
}

uint64_t rows_key(int64_t kind, const CausalRows& rows) {
  uint64_t key = pass_key({kind, rows.rows(), static_cast<int64_t>(rows.outputs.size())});
  const auto add = [&](int64_t part) { key = pass_key({static_cast<int64_t>(key), part}); };
  for (const std::vector<int64_t>& parts :
       {rows.query_offsets, rows.shared_begins, rows.shared_counts, rows.key_begins, rows.key_counts}) {
    for (const int64_t part : parts) add(part);
  }
  for (const std::vector<CausalRows::Group>& groups : {rows.groups, rows.output_groups()}) {
    for (const CausalRows::Group& group : groups) {
      for (const int64_t part : {group.first_row, group.rows, group.adapter}) add(part);
    }
  }
  return key;
}

}  // namespace dnd
