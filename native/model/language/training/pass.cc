#include "model/language/training/pass.h"

#include <algorithm>
#include <utility>

namespace dnd {

void CausalTrainingPass::run(double weight, double* losses) {
  const int64_t layers = config().layers, lowest = lowest_layer();
  PassArray taught = is_taught() ? taught_states() : PassArray();
  std::vector<CausalActivations> saved(static_cast<size_t>(layers));
  PassArray x = CausalPass::layers(embed(), lowest);
  for (int64_t index = lowest; index < layers; ++index) {
    CausalActivations dropped;
    saving_ = index >= layers - saved_layers_;
    CausalActivations& a = saving_ ? saved[static_cast<size_t>(index)] : dropped;
    attend(index, x, nullptr, a);
    feed_forward(index, a);
    PassArray y = down(index, a);
    saved[static_cast<size_t>(index)].x = std::move(x);
    x = std::move(y);
    count_layer();
  }
  PassArray dx = loss_and_gradient(x, taught, weight, losses);
  taught.reset();
  x.reset();
  saving_ = true;
  for (int64_t index = layers; index-- > lowest;) {
    CausalActivations a = std::move(saved[static_cast<size_t>(index)]);
    if (index < layers - saved_layers_) recompute(index, a);
    dx = backward(index, a, std::move(dx));
    count_layer();
  }
  if (!trained_.every_parameter) return;
  const float* const table = runtime_.model().embedding().floats();
  const int32_t adds = accumulate() != 0 || config().tied_head;  // to the gradient of the head
  call(language().embed_tokens_gradient, integers(ids_), dx.data(), rows_.rows(), config().vocab_size,
       config().hidden_size, adds, gradient(table));
}

int64_t CausalTrainingPass::layer_passes(const CausalConfig& config, const LoraOperands* lora, int64_t saved_layers) {
  const int64_t trained = config.layers - (lora != nullptr ? lora->layout->lowest_layer() : 0);
  const int64_t taught = lora != nullptr && !lora->teachers.empty() ? config.layers : 0;
  return taught + config.layers + trained + std::max<int64_t>(trained - saved_layers, 0);
}

PassArray CausalTrainingPass::taught_states() const {
  const LoraOperands teachers = {.layout = lora_->layout, .scale = lora_->scale, .adapters = lora_->teachers};
  CausalPass pass(runtime_, rows_, &teachers, kind_, context_, progress_);
  return pass.final_norm(pass.layers(pass.embed(), config().layers), static_cast<int64_t>(rows_.outputs.size()));
}

/// The same operations as before give the same bytes. Of `down` only what an adapter saves is needed.
void CausalTrainingPass::recompute(int64_t index, CausalActivations& a) {
  attend(index, a.x, nullptr, a);
  feed_forward(index, a);
  if (adapts(index, Module::kDown)) {
    down(index, a);
  } else if (!trained_.every_parameter) {
    a.product.reset();
  }
  count_layer();
}

PassArray CausalTrainingPass::loss_and_gradient(const PassArray& x, const PassArray& taught, double weight,
                                                double* losses) {
  const int64_t hidden = config().hidden_size, vocabulary = config().vocab_size;
  const int64_t count = static_cast<int64_t>(rows_.outputs.size()), at_once = logit_rows();
  const StoredValues head_weight = runtime_.model().head();
  PassArray normalised = norm(x, count, hidden, runtime_.model().final_norm());
  PassArray gradient_of_normalised = allocate(count * hidden);
  for (int64_t first = 0; first < count; first += at_once) {
    const int64_t rows = std::min(at_once, count - first);
    const float* const from = normalised.data() + first * hidden;
    const PassArray logits = head(from, rows);
    loss_of(logits, taught, first, rows, weight, losses + first);
    if (trained_.every_parameter) {
      const int32_t adds = accumulate() != 0 || first > 0;
      call(training().linear_gradient, from, logits.data(), rows, hidden, vocabulary, head_weight.floats(), adds,
           nullptr, gradient(head_weight.floats()), nullptr);
    }
    call(language().linear_input_gradient, logits.data(), rows, hidden, vocabulary, head_weight.operand(), nullptr,
         gradient_of_normalised.data() + first * hidden);
  }
  normalised.reset();
  norm_backward(x, count, hidden, runtime_.model().final_norm(), gradient_of_normalised, PassArray());
  return gradient_of_normalised;
}

void CausalTrainingPass::loss_of(const PassArray& logits, const PassArray& taught, int64_t first, int64_t rows,
                                 double weight, double* losses) {
  const int64_t vocabulary = config().vocab_size;
  if (!is_taught()) {
    call(language().cross_entropy, logits.data(), integers(labels_) + first, rows, vocabulary, weight, logits.data(),
         losses, nullptr);
    return;
  }
  const PassArray targets = head(taught.data() + first * config().hidden_size, rows);
  call(language().kl_divergence, targets.data(), logits.data(), rows, vocabulary, weight, losses);
}

PassArray CausalTrainingPass::scatter_outputs(const PassArray& dy, int64_t columns) {
  PassArray dx = allocate(rows_.rows() * columns);
  call(language().scatter_rows, dy.data(), integers(outputs_), static_cast<int64_t>(rows_.outputs.size()), columns,
       rows_.rows(), dx.data());
  return dx;
}

PassArray CausalTrainingPass::backward(int64_t index, CausalActivations& a, PassArray dy) {
  PassArray d_residual = feed_forward_backward(index, a, std::move(dy));
  if (!needs_input_gradient(index, Module::kUp)) return {};
  return attend_backward(index, a, std::move(d_residual));
}

/// y = residual + down(silu(gate) · up); gate and up of norm(residual)
PassArray CausalTrainingPass::feed_forward_backward(int64_t index, CausalActivations& a, PassArray dy) {
  const int64_t rows = rows_of(index, Module::kDown), elements = rows * config().intermediate_size;
  const bool below = needs_input_gradient(index, Module::kDown);
  PassArray d_product = below ? allocate(elements) : PassArray();
  project_backward(index, Module::kDown, a.product, dy, a, d_product);
  a.product.reset();
  if (!below) return {};
  call(language().swiglu_gradient, a.gate.data(), a.up.data(), d_product.data(), elements, a.gate.data(), a.up.data());
  d_product.reset();
  const bool further = needs_input_gradient(index, Module::kUp);
  PassArray dx = further ? allocate(rows * config().hidden_size) : PassArray();
  project_backward(index, Module::kGate, a.mlp_input, a.gate, a, dx);
  a.gate.reset();
  project_backward(index, Module::kUp, a.mlp_input, a.up, a, dx, false);
  a.up.reset();
  a.mlp_input.reset();
  if (!further) return {};
  norm_backward(a.residual, rows, config().hidden_size, layer(index).post_attention_norm, dx, dy);
  a.residual.reset();
  return dx;
}

/// residual = x + output(context), of rows.outputs only in the last layer.
PassArray CausalTrainingPass::output_backward(int64_t index, const CausalActivations& a, const PassArray& d_residual) {
  const int64_t columns = config().query_width();
  const bool gathered = only_outputs(index, Module::kOutput), below = needs_input_gradient(index, Module::kOutput);
  PassArray outputs;
  if (gathered && saves_input(index, Module::kOutput)) outputs = gather_outputs(a.context, columns);
  PassArray d_context = below ? allocate(rows_of(index, Module::kOutput) * columns) : PassArray();
  project_backward(index, Module::kOutput, gathered ? outputs : a.context, d_residual, a, d_context);
  return gathered && below ? scatter_outputs(d_context, columns) : std::move(d_context);
}

/// residual = x + output(attention(query, key, value)); query, key, value of norm(x)
PassArray CausalTrainingPass::attend_backward(int64_t index, CausalActivations& a, PassArray d_residual) {
  const CausalLayer& layer = this->layer(index);
  const int64_t rows = rows_.rows(), heads = config().heads, kv_heads = config().kv_heads, width = config().head_width;
  PassArray d_context = output_backward(index, a, d_residual);
  if (d_context.size() == 0) return {};
  PassArray d_query = allocate(rows * config().query_width());
  PassArray d_key = allocate(rows * config().key_value_width());
  PassArray d_value = allocate(rows * config().key_value_width());
  const int64_t shared_keys = rows_.shared_keys();
  PassArray shared = shared_keys > 0 ? allocate(2 * shared_keys * config().key_value_width()) : PassArray();
  const DndCausalAttention attention = attention_of(index);
  call(language().causal_attention_gradient, &attention, a.query.data(), a.key.data(), a.value.data(), a.context.data(),
       a.log_sums.data(), d_context.data(), shared.data(), d_query.data(), d_key.data(), d_value.data());
  for (PassArray* used : {&a.query, &a.key, &a.value, &a.context, &a.log_sums, &d_context, &shared}) used->reset();
  rotate(d_query, heads, true);
  rotate(d_key, kv_heads, true);
  if (layer.query_norm != nullptr) {
    norm_backward(a.query_heads, rows * heads, width, layer.query_norm, d_query, PassArray());
    norm_backward(a.key_heads, rows * kv_heads, width, layer.key_norm, d_key, PassArray());
    a.query_heads.reset();
    a.key_heads.reset();
  }
  const bool further = needs_input_gradient(index, Module::kQuery);
  PassArray dx = further ? allocate(rows * config().hidden_size) : PassArray();
  project_backward(index, Module::kQuery, a.attention_input, d_query, a, dx);
  project_backward(index, Module::kKey, a.attention_input, d_key, a, dx, false);
  project_backward(index, Module::kValue, a.attention_input, d_value, a, dx, false);
  if (!further) return {};
  if (only_outputs(index, Module::kOutput)) d_residual = scatter_outputs(d_residual, config().hidden_size);
  norm_backward(a.x, rows, config().hidden_size, layer.input_norm, dx, d_residual);
  return dx;
}

void CausalTrainingPass::project_backward(int64_t index, Module module, const PassArray& x, const PassArray& dy,
                                          const CausalActivations& a, const PassArray& dx, bool first) {
  const Projection& p = layer(index)[module];
  const int64_t rows = rows_of(index, module);
  const bool needs_dx = dx.size() > 0;
  if (trained_.every_parameter) {
    float* const bias_gradient = p.bias != nullptr ? gradient(p.bias) : nullptr;
    call(training().linear_gradient, x.data(), dy.data(), rows, p.in, p.out, p.weight.floats(), accumulate(),
         nullptr, gradient(p.weight.floats()), bias_gradient);
  }
  if (needs_dx) {
    call(language().linear_input_gradient, dy.data(), rows, p.in, p.out, p.weight.operand(),
         first ? nullptr : dx.data(), dx.data());
  }
  if (!adapts(index, module)) return;
  const std::vector<DndLowRankGroup> groups = groups_of(index, module);
  const DndLowRank product = low_rank_of(index, module, groups);
  const PassArray dt = allocate(rows * product.rank);
  call(language().low_rank_gradient, &product, x.data(), a.low_rank[static_cast<size_t>(module)].data(), dy.data(),
       accumulate(), dt.data(), dx.data());
}

void CausalTrainingPass::norm_backward(const PassArray& x, int64_t rows, int64_t columns, const float* weight,
                                       const PassArray& dy, const PassArray& addend) {
  call(language().rms_norm_gradient, x.data(), weight, config().rms_norm_eps, dy.data(), addend.data(), rows, columns,
       accumulate(), dy.data(), gradient(weight));
}

bool CausalTrainingPass::needs_input_gradient(int64_t index, Module module) const {
  if (trained_.every_parameter || index > lowest_layer()) return true;
  const auto adapted = [&](std::initializer_list<Module> modules) {
    return std::any_of(modules.begin(), modules.end(), [&](Module m) { return adapts(index, m); });
  };
  const bool attention = adapted({Module::kQuery, Module::kKey, Module::kValue});
  switch (module) {
    case Module::kDown: return attention || adapted({Module::kOutput, Module::kUp, Module::kGate});
    case Module::kUp:
    case Module::kGate: return attention || adapted({Module::kOutput});
    case Module::kOutput: return attention;
    default: return false;
  }
}

CausalTrainingPlan plan_training_pass(const CausalRuntime& runtime, const CausalRows& rows, const LoraOperands* lora,
                                      bool every_parameter, int64_t available) {
  const int64_t trained_layers = runtime.config().layers - (every_parameter ? 0 : lora->layout->lowest_layer());
  const auto bytes_saving = [&](int64_t layers) {
    return CausalRuntime::counted_bytes([&](const PassContext& context) {
      CausalTrainingPass(runtime, rows, lora, {.every_parameter = every_parameter}, layers, context).run(1, nullptr);
    });
  };
  CausalTrainingPlan plan{.saved_layers = trained_layers, .bytes = bytes_saving(trained_layers)};
  if (plan.bytes <= available) return plan;
  plan = {.saved_layers = 0, .bytes = bytes_saving(0)};
  plan.fits = plan.bytes <= available;
  int64_t too_many = trained_layers;
  while (plan.fits && too_many - plan.saved_layers > 1) {
    const int64_t layers = (plan.saved_layers + too_many) / 2, bytes = bytes_saving(layers);
    if (bytes <= available) {
      plan.saved_layers = layers;
      plan.bytes = bytes;
    } else {
      too_many = layers;
    }
  }
  return plan;
}

}  // namespace dnd
