#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "model/language/batch.h"
#include "model/language/runtime.h"

namespace dnd {

/// Adapters as operations read them: gradients only while they are computed.
struct LoraOperands {
  const LoraLayout* layout = nullptr;
  float scale = 1;
  std::vector<const float*> adapters;   ///< [elements] each
  std::vector<float*> gradients = {};  ///< the same, or empty
  std::vector<const float*> teachers = {};  ///< the same, or empty: as of AdapterBatch
};
/// None if there are no adapters.
std::optional<LoraOperands> operands_of(const std::optional<AdapterBatch>& lora);

/// Null for none.
inline const LoraOperands* address_of(const std::optional<LoraOperands>& lora) { return lora ? &*lora : nullptr; }

/// Keys and values of all layers.
struct KeyValueCache {
  std::vector<DeviceArray> keys, values;  ///< of each layer [capacity, kv_heads · head_width]
};

/// Whether a projection reads each weight once for few rows, or computes a product of matrices. A row's result does not
/// depend on the number of rows in either case, but differs between the two.
enum class ProductKind { kMatrix, kFewRows };

/// Progress of a job in layers of passes.
struct LayerProgress {
  Job& job;
  double total;
  double done = 0;

  void advance() { job.set_progress(std::min(1.0, ++done / total)); }
};

/// What a layer's backward pass needs, named as in CausalPass::attend and feed_forward.
struct CausalActivations {
  PassArray x;
  PassArray attention_input;
  PassArray query_heads, key_heads;  ///< before their norms; only where the model has them
  PassArray query, key, value;
  PassArray context, log_sums;
  PassArray residual;
  PassArray mlp_input;
  PassArray gate, up, product;
  std::array<PassArray, kModules> low_rank;  ///< scale · input · aᵀ of each adapted module
};

/// The forward pass of a causal language model over rows. As in DecoderPass, arrays are freed after their last use, and
/// the order of allocations depends only on the model, the rows and what is saved.
///
/// After the last layer's attention no row reads another one: what follows is computed only for rows.outputs.
class CausalPass {
 public:
  /// Uploads what the rows consist of: construct it before the first operation. `lora` null: no adapters. Model, rows
  /// and adapters must outlive it.
  CausalPass(const CausalRuntime& runtime, const CausalRows& rows, const LoraOperands* lora, ProductKind kind,
             const PassContext& context, LayerProgress* progress = nullptr);
  virtual ~CausalPass() = default;

  /// x [rows, hidden_size] of the ids
  PassArray embed();
  /// The first `count` layers; of all of them, x at rows.outputs. `cache` null: keys and values are those of the rows.
  PassArray layers(PassArray x, int64_t count, const KeyValueCache* cache = nullptr);
  /// In a new array if x is not needed any more.
  PassArray final_norm(PassArray x, int64_t rows);
  /// [rows, vocab_size] of normalised hidden states
  PassArray head(const float* normalised, int64_t rows);
  /// Losses of rows.labels from the hidden states at rows.outputs, and the most likely ids there, some at a time: host
  /// memory [outputs].
  void losses(const PassArray& normalised, double* losses, int32_t* predictions);

 protected:
  /// Whether this module, and what follows in its layer, is computed only for rows.outputs.
  bool only_outputs(int64_t index, Module module) const;
  /// Rows that it is computed for.
  int64_t rows_of(int64_t index, Module module) const {
    return only_outputs(index, module) ? static_cast<int64_t>(rows_.outputs.size()) : rows_.rows();
  }
  /// x [rows, columns] at rows.outputs
  PassArray gather_outputs(const PassArray& x, int64_t columns);

  /// x → residual: x + o(attention(norm(x)))
  void attend(int64_t index, const PassArray& x, const KeyValueCache* cache, CausalActivations& a);
  /// residual → product: silu(gate(norm(residual))) · up(norm(residual))
  void feed_forward(int64_t index, CausalActivations& a);
  /// residual + down(product)
  PassArray down(int64_t index, CausalActivations& a);

  PassArray norm(const PassArray& x, int64_t rows, int64_t columns, const float* weight);
  /// y = weight · x + bias (+ residual), and what an adapter adds.
  PassArray project(int64_t index, Module module, const PassArray& x, const float* residual, CausalActivations& a);
  void rotate(const PassArray& x, int64_t heads, bool inverse) const;
  DndCausalAttention attention_of(int64_t index) const;
  /// Rows of logits that are computed at a time: they depend only on the model.
  int64_t logit_rows() const;

  PassArray allocate(int64_t elements) { return context_.memory.floats(elements); }
  PassArray upload(const std::vector<int32_t>& values);
  static const int32_t* integers(const PassArray& array) { return static_cast<const int32_t*>(array.memory()); }
  std::vector<DndLowRankGroup> groups_of(int64_t index, Module module) const;
  DndLowRank low_rank_of(int64_t index, Module module, const std::vector<DndLowRankGroup>& groups) const;
  bool adapts(int64_t index, Module module) const { return lora_ != nullptr && lora_->layout->adapts(index, module); }
  /// Whether the backward pass needs the input of this module, for the gradient of its weights.
  virtual bool saves_input(int64_t, Module) const { return false; }
  virtual bool saves() const { return false; }
  void count_layer() const {
    if (progress_ != nullptr && context_.pass != nullptr) progress_->advance();
  }

  template <typename Operation, typename... Arguments>
  void call(Operation operation, Arguments... arguments) const {
    context_.call(operation, arguments...);
  }

  const CausalLayer& layer(int64_t index) const { return runtime_.model().layers()[static_cast<size_t>(index)]; }
  const CausalConfig& config() const { return runtime_.config(); }
  const Device& device() const { return runtime_.device(); }
  const DndLanguageOperations& language() const { return runtime_.language(); }

  const CausalRuntime& runtime_;
  const CausalRows& rows_;
  const std::vector<CausalRows::Group> output_groups_;
  const LoraOperands* const lora_;
  const ProductKind kind_;
  const PassContext context_;
  LayerProgress* const progress_;
  PassArray ids_, positions_, cache_rows_, outputs_, labels_;
};

}  // namespace dnd
