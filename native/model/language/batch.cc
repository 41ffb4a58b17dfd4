#include "model/language/batch.h"

#include <algorithm>
#include <numeric>
#include <string>

#include "core/status.h"

namespace dnd {
namespace {

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorCode::kInvalidArgument, message); }

void check_lengths(const CausalConfig& config, const std::vector<int64_t>& lengths) {
  if (lengths.empty()) refuse("a batch needs at least one sequence");
  for (size_t i = 0; i < lengths.size(); ++i) {
    if (lengths[i] >= 1 && lengths[i] <= config.max_positions) continue;
    refuse("sequence " + std::to_string(i) + " has " + std::to_string(lengths[i]) + " tokens; it must have 1 to " +
           std::to_string(config.max_positions) + ", the language model's positions");
  }
}

void check_ids(const CausalConfig& config, const CausalBatch& batch) {
  const int32_t* id = batch.ids;
  for (size_t sequence = 0; sequence < batch.lengths.size(); ++sequence) {
    for (int64_t position = 0; position < batch.lengths[sequence]; ++position, ++id) {
      if (*id >= 0 && *id < config.vocab_size) continue;
      refuse("token id " + std::to_string(*id) + " of sequence " + std::to_string(sequence) + " at position " +
             std::to_string(position) + " is outside the language model's vocabulary of " +
             std::to_string(config.vocab_size));
    }
  }
}

void check_adapters(const AdapterBatch& lora, size_t sequences) {
  if (lora.adapter_of.size() != sequences) {
    refuse("adapterOf names an adapter for " + std::to_string(lora.adapter_of.size()) + " sequences; there are " +
           std::to_string(sequences));
  }
  for (const int64_t adapter : lora.adapter_of) {
    if (adapter >= -1 && adapter < static_cast<int64_t>(lora.adapters.size())) continue;
    refuse("there is no adapter " + std::to_string(adapter) + "; the batch has " +
           std::to_string(lora.adapters.size()) + ", and -1 means none");
  }
  if (!lora.teachers.empty() && lora.teachers.size() != lora.adapters.size()) {
    refuse("there are " + std::to_string(lora.teachers.size()) + " teachers; expected one for each of " +
           std::to_string(lora.adapters.size()) + " adapters, or none");
  }
}

void add_loss(double loss, LikelihoodSum& sum) {
  sum.sum -= loss;
  ++sum.count;
}

}  // namespace

int64_t CausalBatch::tokens() const { return std::accumulate(lengths.begin(), lengths.end(), int64_t{0}); }
int64_t CausalBatch::longest() const { return *std::max_element(lengths.begin(), lengths.end()); }

void check_batch(const CausalConfig& config, const CausalBatch& batch) {
  check_lengths(config, batch.lengths);
  if (batch.tokens() > INT32_MAX) refuse("a batch of " + std::to_string(batch.tokens()) + " tokens is too large");
  if (batch.ids != nullptr) check_ids(config, batch);
  if (batch.lora) check_adapters(*batch.lora, batch.lengths.size());
}

void check_labels(const CausalConfig& config, const CausalBatch& batch, const int32_t* labels) {
  const int32_t* label = labels;
  for (size_t sequence = 0; sequence < batch.lengths.size(); ++sequence) {
    for (int64_t position = 0; position < batch.lengths[sequence]; ++position, ++label) {
      if (*label == kIgnoredLabel || (*label >= 0 && *label < config.vocab_size)) continue;
      refuse("label " + std::to_string(*label) + " of sequence " + std::to_string(sequence) + " at position " +
             std::to_string(position) + " is outside the language model's vocabulary of " +
             std::to_string(config.vocab_size) + ", and not " + std::to_string(kIgnoredLabel));
    }
  }
}

int64_t CausalRows::shared_keys() const {
  return std::accumulate(shared_counts.begin(), shared_counts.end(), int64_t{0});
}

void CausalRows::append(const int32_t* ids, int64_t rows, int64_t position, int64_t adapter, int64_t shared_begin) {
  shared_begins.push_back(shared_begin);
  shared_counts.push_back(position);
  key_begins.push_back(this->rows());
  key_counts.push_back(rows);
  append_rows(ids, rows, position, adapter);
}

void CausalRows::append_cached(const int32_t* ids, int64_t rows, int64_t position, int64_t adapter, int64_t begin) {
  shared_begins.push_back(0);
  shared_counts.push_back(0);
  key_begins.push_back(begin);
  key_counts.push_back(position + rows);
  for (int64_t row = 0; row < rows; ++row) cache_rows.push_back(static_cast<int32_t>(begin + position + row));
  append_rows(ids, rows, position, adapter);
}

void CausalRows::append_rows(const int32_t* ids, int64_t rows, int64_t position, int64_t adapter) {
  const int64_t first = this->rows();
  for (int64_t row = 0; row < rows; ++row) {
    this->ids.push_back(ids != nullptr ? ids[row] : 0);
    positions.push_back(static_cast<int32_t>(position + row));
  }
  query_offsets.push_back(first + rows);
  if (adapter < 0) return;
  const bool extends = !groups.empty() && groups.back().adapter == adapter &&
                       groups.back().first_row + groups.back().rows == first;
  if (extends) {
    groups.back().rows += rows;
  } else {
    groups.push_back({first, rows, adapter});
  }
}

std::vector<CausalRows::Group> CausalRows::output_groups() const {
  const auto outputs_before = [&](int64_t row) -> int64_t {
    return std::lower_bound(outputs.begin(), outputs.end(), row) - outputs.begin();
  };
  std::vector<Group> gathered;
  for (const Group& group : groups) {
    const int64_t first = outputs_before(group.first_row);
    gathered.push_back({first, outputs_before(group.first_row + group.rows) - first, group.adapter});
  }
  return gathered;
}

CausalRows rows_of(const CausalBatch& batch, size_t begin, size_t end) {
  CausalRows rows;
  int64_t token = std::accumulate(batch.lengths.begin(), batch.lengths.begin() + static_cast<int64_t>(begin), int64_t{0});
  for (size_t i = begin; i < end; token += batch.lengths[i++]) {
    rows.append(batch.ids + token, batch.lengths[i], 0, batch.adapter_of(i));
  }
  return rows;
}

void add_likelihoods(const CausalRows& rows, const std::vector<double>& losses, std::vector<LikelihoodSum>& sums) {
  for (size_t i = 0; i < losses.size(); ++i) add_loss(losses[i], sums[rows.label_sequences[i]]);
}

void add_likelihoods(const CausalRows& rows, const std::vector<double>& losses,
                     const std::vector<int32_t>& predictions, std::vector<SequenceLikelihood>& sums) {
  for (size_t i = 0; i < losses.size(); ++i) {
    SequenceLikelihood& sum = sums[rows.label_sequences[i]];
    add_loss(losses[i], sum);
    sum.predictions.push_back(predictions[i]);
  }
}

}  // namespace dnd
