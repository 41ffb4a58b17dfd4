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

void CausalRows::append(const int32_t* ids, int64_t rows, int64_t position, int64_t adapter) {
  key_begins.push_back(this->rows());
  key_counts.push_back(rows);
  append_rows(ids, rows, position, adapter);
}

void CausalRows::append_cached(const int32_t* ids, int64_t rows, int64_t position, int64_t adapter, int64_t begin) {
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

void CausalRows::add_labels(const int32_t* labels) {
  const int64_t first = query_offsets[query_offsets.size() - 2], rows = query_offsets.back() - first;
  for (int64_t row = 1; row < rows; ++row) {
    if (labels[row] == kIgnoredLabel) continue;
    outputs.push_back(static_cast<int32_t>(first + row - 1));
    this->labels.push_back(labels[row]);
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

CausalRows labelled_rows(const CausalBatch& batch, size_t begin, size_t end, const int32_t* labels) {
  CausalRows rows;
  int64_t token = 0;
  for (size_t i = 0; i < end; ++i) {
    if (i >= begin) {
      const int32_t* const ids = batch.ids != nullptr ? batch.ids + token : nullptr;
      rows.append(ids, batch.lengths[i], 0, batch.lora ? batch.lora->adapter_of[i] : -1);
      if (labels != nullptr) rows.add_labels(labels + token);
    }
    token += batch.lengths[i];
  }
  return rows;
}

CausalRows rows_of(const CausalBatch& batch, size_t begin, size_t end) {
  return labelled_rows(batch, begin, end, nullptr);
}

std::vector<LikelihoodSum> likelihoods(const CausalRows& rows, const std::vector<double>& losses) {
  std::vector<LikelihoodSum> sums(static_cast<size_t>(rows.sequences()));
  size_t sequence = 0;
  for (size_t i = 0; i < losses.size(); ++i) {
    while (rows.outputs[i] >= rows.query_offsets[sequence + 1]) ++sequence;
    sums[sequence].sum -= losses[i];
    ++sums[sequence].count;
  }
  return sums;
}

std::vector<SequenceLikelihood> likelihoods(const CausalRows& rows, const std::vector<double>& losses,
                                            const std::vector<int32_t>& predictions) {
  std::vector<SequenceLikelihood> all;
  auto own = predictions.begin();
  for (const LikelihoodSum& sum : likelihoods(rows, losses)) {
    all.push_back({sum, {own, own + sum.count}});
    own += sum.count;
  }
  return all;
}

}  // namespace dnd
