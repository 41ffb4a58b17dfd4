#include "model/training/training_pass.h"

#include <utility>

namespace dnd {

void TrainingPass::run(const TrainingBatch& batch, DndTokenSums* sums) {
  const std::vector<DecoderLayer>& layers = model_.layers();
  std::vector<PassArray> x(layers.size() + 1);
  std::vector<LayerActivations> saved(layers.size());

  workspace_ = context_.memory.bytes(plan_.workspace_bytes);
  x[0] = upload(batch.condition, batch_ * model_.config().condition_elements());
  LossArrays loss = upload_loss(batch);

  if (model_.projection() != nullptr) x[0] = project_length(std::move(x[0]));
  add_noise(x[0], model_.config().features.front().elements(), batch, batch.condition_noise, 0);
  if (batch.target != nullptr) {
    add_noise(loss.target, model_.config().features.back().elements(), batch, batch.target_noise, 1);
  }

  for (size_t i = 0; i < layers.size(); ++i) {
    LayerActivations inner = paths(layers[i], x[i]);
    PassArray s = std::move(inner.s);
    if (plan_.saved[i]) saved[i] = std::move(inner);
    inner = LayerActivations();
    x[i + 1] = allocate(batch_ * layers[i].out.elements());
    convolve_tokens(layers[i], s, x[i], x[i + 1]);
    if (plan_.saved[i]) saved[i].s = std::move(s);
  }

  PassArray dy = loss_gradient(batch, std::move(x[layers.size()]), std::move(loss), sums);
  token_bias_gradients(dy);

  for (size_t i = layers.size(); i-- > 0;) {
    LayerActivations inner = plan_.saved[i] ? std::move(saved[i]) : paths(layers[i], x[i]);
    const bool needs_dx = i > 0 || model_.projection() != nullptr;
    dy = backward(layers[i], std::move(x[i]), std::move(inner), std::move(dy), needs_dx);
  }
  if (model_.projection() != nullptr) project_length_backward(std::move(dy));
}

TrainingPass::LossArrays TrainingPass::upload_loss(const TrainingBatch& batch) {
  const Feature& last = model_.config().features.back();
  LossArrays loss;
  if (batch.target != nullptr) loss.target = upload(batch.target, batch_ * last.elements());
  if (batch.importance != nullptr) loss.importance = upload(batch.importance, last.tokens);
  if (batch.output_gradient != nullptr) loss.output_gradient = upload(batch.output_gradient, batch_ * last.elements());
  return loss;
}

PassArray TrainingPass::loss_gradient(const TrainingBatch& batch, PassArray y, LossArrays loss, DndTokenSums* sums) {
  if (batch.target == nullptr) return std::move(loss.output_gradient);
  const Feature& last = model_.config().features.back();
  call(training().token_loss, y.data(), loss.target.data(), loss.importance.data(), batch_, last.tokens,
       last.height * last.width, batch.weight, y.data(), sums);
  if (batch.output_gradient != nullptr) {
    call(training().add, loss.output_gradient.data(), batch_ * last.elements(), y.data());
  }
  return y;
}

void TrainingPass::project_length_backward(PassArray dy) {
  const LengthProjection& p = *model_.projection();
  const Feature& first = model_.config().features.front();
  const int64_t rows = batch_ * first.tokens * first.width, length = first.height;
  const PassArray d_shorter = allocate(rows * length);
  call(training().linear_gradient, projection_.shorter.data(), dy.data(), rows, length, length, p.gate_weight,
       accumulate(), d_shorter.data(), gradient(p.gate_weight), gradient(p.gate_bias));
  dy.reset();
  projection_.shorter.reset();
  call(training().linear_gradient, projection_.condition.data(), d_shorter.data(), rows, model_.config().projected_from,
       length, p.down_weight, accumulate(), nullptr, gradient(p.down_weight), gradient(p.down_bias));
  projection_.condition.reset();
}

/// LayerNorm over a token's plane removes a constant added to all of it, as biasN is, so biasN reaches the weight
/// tokens only through residuals, unchanged. The other gradients are exactly zero and are left zero: computed, they
/// would be rounding noise, which AdamW, sensitive to signs, would follow like any other gradient.
void TrainingPass::token_bias_gradients(const PassArray& dy) {
  const std::vector<DecoderLayer>& layers = model_.layers();
  const Feature& last = layers.back().out;
  for (size_t i = layers.size(); i-- > 0;) {
    call(training().sum_tokens, dy.data(), batch_, last.tokens, last.height * last.width, accumulate(),
         gradient(layers[i].token_bias));
    if (!layers[i].has_residual()) return;
  }
}

/// The derivatives of DecoderPass's equations in reverse order; each array is freed after its last use.
PassArray TrainingPass::backward(const DecoderLayer& layer, PassArray x, LayerActivations saved, PassArray dy,
                                 bool needs_dx) {
  const std::vector<DndConvolution> steps = convolutions(layer), back = input_gradient_convolutions(steps);
  const int64_t rows = batch_ * layer.in.tokens, columns = layer.out.height * layer.out.width;

  weight_gradient(steps[4], {.x = saved.s.data()}, dy, layer.token_weight);
  saved.s.reset();
  PassArray da = input_gradient(back[4], dy, layer.token_weight);
  if (!layer.has_residual()) dy.reset();

  PassArray dp = std::move(saved.t);
  call(training().split_paths, da.data(), dp.data(), rows * columns, da.data(), dp.data());
  call(training().sum_rows, da.data(), rows, columns, accumulate(), gradient(layer.path_bias));

  weight_gradient(steps[1], {.x = saved.width_first.data()}, da, layer.conv1h);
  saved.width_first.reset();
  PassArray d_width_first = input_gradient(back[1], da, layer.conv1h);
  da.reset();
  weight_gradient(steps[0], normalised(layer, x, saved.mean_rstd), d_width_first, layer.conv1w);
  PassArray dx = input_gradient(back[0], d_width_first, layer.conv1w);
  d_width_first.reset();

  weight_gradient(steps[3], {.x = saved.height_first.data()}, dp, layer.conv2w);
  saved.height_first.reset();
  PassArray d_height_first = input_gradient(back[3], dp, layer.conv2w);
  dp.reset();
  weight_gradient(steps[2], normalised(layer, x, saved.mean_rstd), d_height_first, layer.conv2h);
  convolve_into(dx, back[2], {.x = d_height_first.data(), .addend = dx.data()}, layer.conv2h);
  d_height_first.reset();

  call(training().layer_norm_gradient, x.data(), saved.mean_rstd.data(), layer.norm_weight, dx.data(), dy.data(), rows,
       layer.in.height * layer.in.width, accumulate(), needs_dx ? dx.data() : nullptr, gradient(layer.norm_weight),
       gradient(layer.norm_bias));
  return needs_dx ? std::move(dx) : PassArray();
}

void TrainingPass::add_noise(const PassArray& x, int64_t elements, const TrainingBatch& batch, double sigma,
                             int64_t substream) {
  if (sigma == 0) return;
  for (int64_t task = 0; task < batch_; ++task) {
    const uint64_t stream = 2 * (batch.noise_stream + static_cast<uint64_t>(task)) + static_cast<uint64_t>(substream);
    const DndNoise noise = {batch.noise_key, stream, static_cast<float>(sigma)};
    call(training().add_noise, &noise, elements, x.data() + task * elements);
  }
}

void TrainingPass::weight_gradient(const DndConvolution& step, const DndConvolutionOperands& operands,
                                   const PassArray& dy, const StoredValues& weight) {
  const DndWeightGradientOperands gradient_operands = {.x = operands.x,
                                                       .mean_rstd = operands.mean_rstd,
                                                       .norm_weight = operands.norm_weight,
                                                       .norm_bias = operands.norm_bias,
                                                       .dy = dy.data(),
                                                       .gradient = gradient(weight.floats()),
                                                       .accumulate = accumulate(),
                                                       .workspace = workspace_.memory()};
  call(training().weight_gradient, &step, &gradient_operands);
}

}  // namespace dnd
