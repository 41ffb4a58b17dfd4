#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "model/language/config.h"
#include "model/language/lora.h"

namespace dnd {

/// LoRA adapters of a batch, all of one layout.
struct AdapterBatch {
  std::shared_ptr<const LoraLayout> layout;
  float scale = 1;                      ///< alpha / rank, or alpha / √rank
  std::vector<const float*> adapters;   ///< [layout.elements] each, in host memory
  std::vector<int64_t> adapter_of;      ///< of each sequence; -1: none
  /// [layout.elements] each, one for each adapter, or empty: the loss of a gradient then compares what the model predicts
  /// with an adapter and with its teacher, instead of with the labels. Only adapter_gradients reads them.
  std::vector<const float*> teachers = {};
};

/// Sequences of token ids, one after the other.
struct CausalBatch {
  const int32_t* ids = nullptr;  ///< [tokens]
  std::vector<int64_t> lengths;
  std::optional<AdapterBatch> lora = {};

  int64_t tokens() const;
  int64_t longest() const;
  int64_t adapter_of(size_t sequence) const { return lora ? lora->adapter_of[sequence] : -1; }
};

/// Error(kInvalidArgument) for no sequence, an empty one or one longer than max_positions, an adapter that is not there,
/// and, if ids are given, an id outside the vocabulary, naming its place.
void check_batch(const CausalConfig& config, const CausalBatch& batch);

/// Label of a position whose prediction does not count, as in Hugging Face.
constexpr int32_t kIgnoredLabel = -100;

/// Error(kInvalidArgument) for a label [tokens] outside the vocabulary that is not ignored, naming its place.
void check_labels(const CausalConfig& config, const CausalBatch& batch, const int32_t* labels);

/// Log-likelihood of a sequence's labels.
struct LikelihoodSum {
  double sum = 0;
  int64_t count = 0;  ///< labels that are not ignored
};

struct SequenceLikelihood : LikelihoodSum {
  std::vector<int32_t> predictions;  ///< [count], the most likely ids in place of these labels, of several the smallest
};

/// What a pass computes with: rows of one or more sequences, of which some only are what others begin with.
struct CausalRows {
  struct Group {
    int64_t first_row, rows, adapter;
  };

  std::vector<int32_t> ids, positions;  ///< [rows]
  std::vector<int64_t> query_offsets = {0};
  std::vector<int64_t> shared_begins, shared_counts, key_begins, key_counts;  ///< as of DndCausalAttention
  std::vector<Group> groups;             ///< consecutive rows with the same adapter
  std::vector<int32_t> cache_rows;       ///< [rows], where keys and values go in a key-value cache; empty: there is none
  std::vector<int32_t> outputs;          ///< rows whose predictions are wanted, ascending; empty: all
  std::vector<int32_t> labels;           ///< [outputs], or empty
  std::vector<size_t> label_sequences;   ///< [labels]: of the batch

  int64_t rows() const { return static_cast<int64_t>(positions.size()); }
  int64_t sequences() const { return static_cast<int64_t>(key_counts.size()); }
  /// Keys that sequences share, counted for each of them.
  int64_t shared_keys() const;
  /// Whether predictions of some rows are not wanted.
  bool has_other_rows() const { return !outputs.empty() && outputs.size() != positions.size(); }
  /// The groups of the outputs gathered into rows 0, 1, …: as many as there are groups, some maybe without rows.
  std::vector<Group> output_groups() const;

  /// Appends `rows` rows of a sequence, from position `position` on; `ids` null when only sizes matter. Its own keys are
  /// the same rows; those before are rows [shared_begin, shared_begin + position).
  void append(const int32_t* ids, int64_t rows, int64_t position, int64_t adapter, int64_t shared_begin = 0);
  /// Its keys are rows [begin, begin + position + rows) of a cache.
  void append_cached(const int32_t* ids, int64_t rows, int64_t position, int64_t adapter, int64_t begin);

 private:
  void append_rows(const int32_t* ids, int64_t rows, int64_t position, int64_t adapter);
};

/// Sequences [begin, end) of a batch in their order: without cache, outputs and labels.
CausalRows rows_of(const CausalBatch& batch, size_t begin, size_t end);

/// Adds the losses at the outputs of the rows to the sums of the batch's sequences.
void add_likelihoods(const CausalRows& rows, const std::vector<double>& losses, std::vector<LikelihoodSum>& sums);
/// The same with the predictions there.
void add_likelihoods(const CausalRows& rows, const std::vector<double>& losses,
                     const std::vector<int32_t>& predictions, std::vector<SequenceLikelihood>& sums);

}  // namespace dnd
