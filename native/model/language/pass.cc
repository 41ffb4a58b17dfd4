#include "model/language/pass.h"

#include <utility>

namespace dnd {
namespace {

/// Of logits in memory at a time.
constexpr int64_t kLogitBytes = int64_t{64} << 20;
constexpr int64_t kWord = sizeof(int32_t);

}  // namespace

std::optional<LoraOperands> operands_of(const std::optional<AdapterBatch>& lora) {
  if (!lora) return std::nullopt;
  return LoraOperands{
      .layout = lora->layout.get(), .scale = lora->scale, .adapters = lora->adapters, .teachers = lora->teachers};
}

CausalPass::CausalPass(const CausalRuntime& runtime, const CausalRows& rows, const LoraOperands* lora,
                       ProductKind kind, const PassContext& context, LayerProgress* progress)
    : runtime_(runtime),
      rows_(rows),
      output_groups_(rows.output_groups()),
      lora_(lora),
      kind_(kind),
      context_(context),
      progress_(progress) {
  ids_ = upload(rows.ids);
  positions_ = upload(rows.positions);
  if (!rows.cache_rows.empty()) cache_rows_ = upload(rows.cache_rows);
  if (!rows.outputs.empty()) outputs_ = upload(rows.outputs);
  if (!rows.labels.empty()) labels_ = upload(rows.labels);
}

PassArray CausalPass::upload(const std::vector<int32_t>& values) {
  const int64_t bytes = static_cast<int64_t>(values.size()) * kWord;
  PassArray array = context_.memory.bytes(bytes);
  if (context_.pass != nullptr) device().upload(array.memory(), values.data(), bytes);
  return array;
}

PassArray CausalPass::embed() {
  PassArray x = allocate(rows_.rows() * config().hidden_size);
  call(language().embed_tokens, integers(ids_), rows_.rows(), runtime_.model().embedding().operand(),
       config().hidden_size, x.data());
  return x;
}

PassArray CausalPass::layers(PassArray x, int64_t count, const KeyValueCache* cache) {
  for (int64_t index = 0; index < count; ++index) {
    CausalActivations a;
    attend(index, x, cache, a);
    x.reset();
    feed_forward(index, a);
    x = down(index, a);
    count_layer();
  }
  return x;
}

bool CausalPass::only_outputs(int64_t index, Module module) const {
  const bool before_attention = module == Module::kQuery || module == Module::kKey || module == Module::kValue;
  return rows_.has_other_rows() && index == config().layers - 1 && !before_attention;
}

/// Llama's self-attention (Touvron et al. 2023; grouped queries, Ainslie et al. 2023; Qwen3's norms of heads).
void CausalPass::attend(int64_t index, const PassArray& x, const KeyValueCache* cache, CausalActivations& a) {
  const CausalLayer& layer = this->layer(index);
  const int64_t rows = rows_.rows(), heads = config().heads, kv_heads = config().kv_heads, width = config().head_width;
  const auto normalised_heads = [&](PassArray& projected, int64_t count, const float* weight, PassArray& before) {
    if (weight == nullptr) return;
    PassArray y = norm(projected, rows * count, width, weight);
    if (saves()) before = std::move(projected);
    projected = std::move(y);
  };
  a.attention_input = norm(x, rows, config().hidden_size, layer.input_norm);
  a.query = project(index, Module::kQuery, a.attention_input, nullptr, a);
  a.key = project(index, Module::kKey, a.attention_input, nullptr, a);
  a.value = project(index, Module::kValue, a.attention_input, nullptr, a);
  const bool saves_attention_input =
      saves_input(index, Module::kQuery) || saves_input(index, Module::kKey) || saves_input(index, Module::kValue);
  if (!saves_attention_input) a.attention_input.reset();
  normalised_heads(a.query, heads, layer.query_norm, a.query_heads);
  normalised_heads(a.key, kv_heads, layer.key_norm, a.key_heads);
  rotate(a.query, heads, false);
  rotate(a.key, kv_heads, false);

  const float *keys = a.key.data(), *values = a.value.data();
  if (cache != nullptr) {
    const int64_t columns = config().key_value_width();
    const size_t place = static_cast<size_t>(index);
    const auto store = [&](const PassArray& from, const std::vector<DeviceArray>& to) -> const float* {
      if (to.empty()) return nullptr;  // only counting memory
      call(language().scatter_rows, from.data(), integers(cache_rows_), rows, columns, int64_t{0}, to[place].data());
      return to[place].data();
    };
    keys = store(a.key, cache->keys);
    values = store(a.value, cache->values);
  }
  a.context = allocate(rows * config().query_width());
  if (saves()) a.log_sums = allocate(rows * heads);
  const DndCausalAttention attention = attention_of(index);
  call(language().causal_attention, &attention, a.query.data(), keys, values, a.context.data(), a.log_sums.data());
  if (!saves()) {
    a.query.reset();
    a.key.reset();
    a.value.reset();
  }
  if (only_outputs(index, Module::kOutput)) {
    const PassArray context = gather_outputs(a.context, config().query_width());
    const PassArray residual = gather_outputs(x, config().hidden_size);
    a.residual = project(index, Module::kOutput, context, residual.data(), a);
  } else {
    a.residual = project(index, Module::kOutput, a.context, x.data(), a);
  }
  if (!saves()) a.context.reset();
}

/// SwiGLU (Shazeer 2020).
void CausalPass::feed_forward(int64_t index, CausalActivations& a) {
  const int64_t rows = rows_of(index, Module::kGate), elements = rows * config().intermediate_size;
  a.mlp_input = norm(a.residual, rows, config().hidden_size, layer(index).post_attention_norm);
  a.gate = project(index, Module::kGate, a.mlp_input, nullptr, a);
  a.up = project(index, Module::kUp, a.mlp_input, nullptr, a);
  if (!saves_input(index, Module::kGate) && !saves_input(index, Module::kUp)) a.mlp_input.reset();
  if (saves()) {
    a.product = allocate(elements);
    call(language().swiglu, a.gate.data(), a.up.data(), elements, a.product.data());
  } else {
    call(language().swiglu, a.gate.data(), a.up.data(), elements, a.gate.data());
    a.product = std::move(a.gate);
    a.up.reset();
  }
}

PassArray CausalPass::down(int64_t index, CausalActivations& a) {
  PassArray y = project(index, Module::kDown, a.product, a.residual.data(), a);
  if (!saves_input(index, Module::kDown)) a.product.reset();
  if (!saves()) a.residual.reset();
  return y;
}

PassArray CausalPass::norm(const PassArray& x, int64_t rows, int64_t columns, const float* weight) {
  PassArray y = allocate(rows * columns);
  call(language().rms_norm, x.data(), rows, columns, weight, config().rms_norm_eps, y.data());
  return y;
}

PassArray CausalPass::project(int64_t index, Module module, const PassArray& x, const float* residual,
                              CausalActivations& a) {
  const Projection& p = layer(index)[module];
  const int64_t rows = rows_of(index, module);
  PassArray y = allocate(rows * p.out);
  if (kind_ == ProductKind::kFewRows) {
    call(language().linear_few_rows, x.data(), rows, p.in, p.weight.operand(), p.bias, p.out, residual, y.data());
  } else {
    call(device()->linear, x.data(), rows, p.in, p.weight.operand(), p.bias, p.out, kDndNoActivation, residual,
         y.data());
  }
  if (!adapts(index, module)) return y;
  PassArray t = allocate(rows * lora_->layout->rank());
  const std::vector<DndLowRankGroup> groups = groups_of(index, module);
  const DndLowRank product = low_rank_of(index, module, groups);
  call(language().low_rank, &product, x.data(), t.data(), y.data());
  if (saves()) a.low_rank[static_cast<size_t>(module)] = std::move(t);
  return y;
}

void CausalPass::rotate(const PassArray& x, int64_t heads, bool inverse) const {
  call(language().rotate, integers(positions_), rows_.rows(), heads, config().head_width, runtime_.rotary(),
       static_cast<int32_t>(inverse), x.data());
}

DndCausalAttention CausalPass::attention_of(int64_t index) const {
  return {.sequences = rows_.sequences(),
          .query_offsets = rows_.query_offsets.data(),
          .shared_begins = rows_.shared_begins.data(),
          .shared_counts = rows_.shared_counts.data(),
          .key_begins = rows_.key_begins.data(),
          .key_counts = rows_.key_counts.data(),
          .heads = config().heads,
          .kv_heads = config().kv_heads,
          .head_width = config().head_width,
          .window = layer(index).window};
}

std::vector<DndLowRankGroup> CausalPass::groups_of(int64_t index, Module module) const {
  const LoraLayout::Place& place = lora_->layout->place(index, module);
  std::vector<DndLowRankGroup> groups;
  if (context_.pass == nullptr) return groups;
  for (const CausalRows::Group& group : only_outputs(index, module) ? output_groups_ : rows_.groups) {
    const size_t adapter = static_cast<size_t>(group.adapter);
    const float* const weights = lora_->adapters[adapter];
    float* const gradient = lora_->gradients.empty() ? nullptr : lora_->gradients[adapter];
    groups.push_back({.first_row = group.first_row,
                      .rows = group.rows,
                      .a = weights + place.a,
                      .b = weights + place.b,
                      .a_gradient = gradient != nullptr ? gradient + place.a : nullptr,
                      .b_gradient = gradient != nullptr ? gradient + place.b : nullptr});
  }
  return groups;
}

DndLowRank CausalPass::low_rank_of(int64_t index, Module module, const std::vector<DndLowRankGroup>& groups) const {
  const Projection& p = layer(index)[module];
  return {.in = p.in,
          .out = p.out,
          .rank = lora_->layout->rank(),
          .scale = lora_->scale,
          .group_count = static_cast<int64_t>(groups.size()),
          .groups = groups.data()};
}

PassArray CausalPass::final_norm(PassArray x, int64_t rows) {
  call(language().rms_norm, x.data(), rows, config().hidden_size, runtime_.model().final_norm(),
       config().rms_norm_eps, x.data());
  return x;
}

PassArray CausalPass::gather_outputs(const PassArray& x, int64_t columns) {
  const int64_t count = static_cast<int64_t>(rows_.outputs.size());
  PassArray y = allocate(count * columns);
  call(language().gather_rows, x.data(), integers(outputs_), count, columns, y.data());
  return y;
}

PassArray CausalPass::head(const float* normalised, int64_t rows) {
  const int64_t hidden = config().hidden_size, vocabulary = config().vocab_size;
  PassArray logits = allocate(rows * vocabulary);
  const DndWeight weight = runtime_.model().head().operand();
  const float* const none = nullptr;
  if (kind_ == ProductKind::kFewRows) {
    call(language().linear_few_rows, normalised, rows, hidden, weight, none, vocabulary, none, logits.data());
  } else {
    call(device()->linear, normalised, rows, hidden, weight, none, vocabulary, kDndNoActivation, none, logits.data());
  }
  return logits;
}

void CausalPass::losses(const PassArray& normalised, double* losses, int32_t* predictions) {
  const int64_t count = static_cast<int64_t>(rows_.outputs.size()), at_once = logit_rows();
  float* const none = nullptr;
  for (int64_t first = 0; first < count; first += at_once) {
    const int64_t rows = std::min(at_once, count - first);
    const PassArray logits = head(normalised.data() + first * config().hidden_size, rows);
    call(language().cross_entropy, logits.data(), integers(labels_) + first, rows, config().vocab_size, 1.0, none,
         losses + first, predictions + first);
  }
}

int64_t CausalPass::logit_rows() const {
  return std::max<int64_t>(1, kLogitBytes / static_cast<int64_t>(sizeof(float)) / config().vocab_size);
}

}  // namespace dnd
