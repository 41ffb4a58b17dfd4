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
};

/// Error(kInvalidArgument) for no sequence, an empty one or one longer than max_positions, an adapter that is not there,
/// and, if ids are given, an id outside the vocabulary, naming its place.
void check_batch(const CausalConfig& config, const CausalBatch& batch);

/// Sizes of a batch for counting its memory; its ids and adapters are not read.
struct CausalBatchShape {
  CausalBatch batch;
  std::vector<int64_t> labelled;  ///< labels of each sequence that count; empty: none
};

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

/// What a pass computes with: rows of one or more sequences.
struct CausalRows {
  struct Group {
    int64_t first_row, rows, adapter;
  };

  std::vector<int32_t> ids, positions;  ///< [rows]
  std::vector<int64_t> query_offsets = {0};
  std::vector<int64_t> key_begins, key_counts;
  std::vector<Group> groups;           ///< consecutive rows with the same adapter
  std::vector<int32_t> cache_rows;     ///< [rows], where keys and values go in a key-value cache; empty: there is none
  std::vector<int32_t> outputs;        ///< rows whose predictions are wanted, ascending; empty: all
  std::vector<int32_t> labels;         ///< [outputs], or empty

  int64_t rows() const { return static_cast<int64_t>(positions.size()); }
  int64_t sequences() const { return static_cast<int64_t>(key_counts.size()); }
  /// Whether predictions of some rows are not wanted.
  bool has_other_rows() const { return !outputs.empty() && outputs.size() != positions.size(); }
  /// The groups of the outputs gathered into rows 0, 1, …: as many as there are groups, some maybe without rows.
  std::vector<Group> output_groups() const;

  /// Appends `rows` rows of a sequence, from position `position` on; `ids` null when only sizes matter.
  /// Keys are the same rows.
  void append(const int32_t* ids, int64_t rows, int64_t position, int64_t adapter);
  /// Its keys are rows [begin, begin + position + rows) of a cache.
  void append_cached(const int32_t* ids, int64_t rows, int64_t position, int64_t adapter, int64_t begin);
  /// Adds outputs for the labels of the last appended sequence, whose rows begin at position 0.
  void add_labels(const int32_t* labels);

 private:
  void append_rows(const int32_t* ids, int64_t rows, int64_t position, int64_t adapter);
};

/// Sequences [begin, end) of a batch: without cache, outputs and labels.
CausalRows rows_of(const CausalBatch& batch, size_t begin, size_t end);
/// The same with outputs for the labels [tokens] of the batch.
CausalRows labelled_rows(const CausalBatch& batch, size_t begin, size_t end, const int32_t* labels);

/// Of each sequence of the rows, from the losses at their outputs.
std::vector<LikelihoodSum> likelihoods(const CausalRows& rows, const std::vector<double>& losses);
std::vector<SequenceLikelihood> likelihoods(const CausalRows& rows, const std::vector<double>& losses,
                                            const std::vector<int32_t>& predictions);

}  // namespace dnd
