#include "model/training/training_pass.h"

#include <utility>

namespace dnd {

void TrainingPass::run(const TrainingBatch& batch, DndTokenSums* sums) {
  const std::vector<DecoderLayer>& layers = decoder_.layers;
  const Feature& last = decoder_.config.features.back();
  std::vector<PassArray> x(layers.size() + 1);
  std::vector<Inner> kept(layers.size());

  workspace_ = memory_.bytes(plan_.workspace_bytes);
  x[0] = upload(batch.condition, plan_.batch * decoder_.config.condition_elements());
  PassArray target = upload(batch.target, plan_.batch * last.elements());
  PassArray importance;
  if (batch.importance != nullptr) importance = upload(batch.importance, last.tokens);

  if (decoder_.projection != nullptr) {
    projection_.condition = std::move(x[0]);
    x[0] = project_length();
  }
  add_noise(x[0], decoder_.config.features.front().elements(), batch, batch.condition_noise, 0);
  add_noise(target, last.elements(), batch, batch.target_noise, 1);

  for (size_t i = 0; i < layers.size(); ++i) {
    Inner inner = this->inner(layers[i], x[i]);
    PassArray s = std::move(inner.s);
    if (plan_.kept[i]) kept[i] = std::move(inner);
    inner = Inner();
    x[i + 1] = token_convolution(layers[i], s, x[i]);
    if (plan_.kept[i]) kept[i].s = std::move(s);
  }

  PassArray dy = std::move(x[layers.size()]);
  call(training().token_loss, dy.data(), target.data(), importance.data(), plan_.batch, last.tokens,
       last.height * last.width, batch.weight, dy.data(), sums);
  target.reset();
  token_bias_gradients(dy);

  for (size_t i = layers.size(); i-- > 0;) {
    Inner inner = plan_.kept[i] ? std::move(kept[i]) : this->inner(layers[i], x[i]);
    const bool wants_dx = i > 0 || decoder_.projection != nullptr;
    dy = backward(layers[i], std::move(x[i]), std::move(inner), std::move(dy), wants_dx);
  }
  if (decoder_.projection != nullptr) project_length_backward(std::move(dy));
}

/// [B, N, L, W] is read as [B, N, W, L], not transposed: that is how the reference was trained.
PassArray TrainingPass::project_length() {
  const LengthProjection& p = *decoder_.projection;
  const Feature& first = decoder_.config.features.front();
  const int64_t rows = plan_.batch * first.tokens * first.width, length = first.height;
  const DndBackend& device = *decoder_.device.operator->();
  projection_.shorter = memory_.floats(rows * length);
  call(device.linear, projection_.condition.data(), rows, decoder_.config.projected_from, p.down_weight, p.down_bias,
       length, kDndNoActivation, nullptr, projection_.shorter.data());
  PassArray x = memory_.floats(rows * length);
  call(device.linear, projection_.shorter.data(), rows, length, p.gate_weight, p.gate_bias, length, kDndNoActivation,
       nullptr, x.data());
  return x;
}

void TrainingPass::project_length_backward(PassArray dy) {
  const LengthProjection& p = *decoder_.projection;
  const Feature& first = decoder_.config.features.front();
  const int64_t rows = plan_.batch * first.tokens * first.width, length = first.height;
  const PassArray d_shorter = memory_.floats(rows * length);
  call(training().linear_gradient, projection_.shorter.data(), dy.data(), rows, length, length, p.gate_weight,
       accumulate(), d_shorter.data(), gradient(p.gate_weight), gradient(p.gate_bias));
  dy.reset();
  projection_.shorter.reset();
  call(training().linear_gradient, projection_.condition.data(), d_shorter.data(), rows, decoder_.config.projected_from,
       length, p.down_weight, accumulate(), nullptr, gradient(p.down_weight), gradient(p.down_bias));
  projection_.condition.reset();
}

/// s = (convH(convW(x̂; K1w); K1h) + tanh(convW(convH(x̂; K2h); K2w)) + bias) / 3
TrainingPass::Inner TrainingPass::inner(const DecoderLayer& layer, const PassArray& x) {
  const std::vector<DndConvolution> steps = convolutions(layer);
  const int64_t rows = plan_.batch * layer.in.tokens, columns = layer.out.height * layer.out.width;
  const DndBackend& device = *decoder_.device.operator->();
  Inner inner;
  inner.moments = memory_.floats(rows * 3);
  call(device.moments, x.data(), rows, layer.in.height * layer.in.width, kNormEpsilon, inner.moments.data());
  inner.width_first = convolve(steps[0], normalised(layer, x, inner), layer.conv1w);
  inner.s = convolve(steps[1], {.x = inner.width_first.data()}, layer.conv1h);
  inner.height_first = convolve(steps[2], normalised(layer, x, inner), layer.conv2h);
  inner.t = convolve(steps[3], {.x = inner.height_first.data()}, layer.conv2w);
  call(training().merge_paths, inner.s.data(), inner.t.data(), layer.path_bias, rows, columns, inner.s.data());
  return inner;
}

/// y = convN(s; KN) + biasN (+ x)
PassArray TrainingPass::token_convolution(const DecoderLayer& layer, const PassArray& s, const PassArray& x) {
  return convolve(convolutions(layer)[4],
                  {.x = s.data(), .addend = layer.has_residual() ? x.data() : nullptr, .bias = layer.token_bias},
                  layer.token_weight);
}

/// A layer normalises each token's picture: a number that is added to all of it, as biasN is, makes no difference to
/// what follows. Only along residuals does it come to the weight tokens, unchanged. The other biases' gradients are
/// zero, and left so: sums that only rounding keeps from it would be as good as any gradient to AdamW, which looks at
/// signs.
void TrainingPass::token_bias_gradients(const PassArray& dy) {
  const std::vector<DecoderLayer>& layers = decoder_.layers;
  const Feature& last = layers.back().out;
  for (size_t i = layers.size(); i-- > 0;) {
    call(training().sum_tokens, dy.data(), plan_.batch, last.tokens, last.height * last.width, accumulate(),
         gradient(layers[i].token_bias));
    if (!layers[i].has_residual()) return;
  }
}

/// The derivatives of the equations above, from the last one up; each array goes as soon as it was read for the last
/// time.
PassArray TrainingPass::backward(const DecoderLayer& layer, PassArray x, Inner inner, PassArray dy, bool wants_dx) {
  const std::vector<DndConvolution> steps = convolutions(layer), back = input_gradient_convolutions(steps);
  const int64_t rows = plan_.batch * layer.in.tokens, columns = layer.out.height * layer.out.width;

  weight_gradient(steps[4], {.x = inner.s.data()}, dy, layer.token_weight);
  inner.s.reset();
  PassArray da = input_gradient(back[4], dy, layer.token_weight);
  if (!layer.has_residual()) dy.reset();

  PassArray dp = std::move(inner.t);
  call(training().split_paths, da.data(), dp.data(), rows * columns, da.data(), dp.data());
  call(training().sum_rows, da.data(), rows, columns, accumulate(), gradient(layer.path_bias));

  weight_gradient(steps[1], {.x = inner.width_first.data()}, da, layer.conv1h);
  inner.width_first.reset();
  PassArray d_width_first = input_gradient(back[1], da, layer.conv1h);
  da.reset();
  weight_gradient(steps[0], normalised(layer, x, inner), d_width_first, layer.conv1w);
  PassArray dx = input_gradient(back[0], d_width_first, layer.conv1w);
  d_width_first.reset();

  weight_gradient(steps[3], {.x = inner.height_first.data()}, dp, layer.conv2w);
  inner.height_first.reset();
  PassArray d_height_first = input_gradient(back[3], dp, layer.conv2w);
  dp.reset();
  weight_gradient(steps[2], normalised(layer, x, inner), d_height_first, layer.conv2h);
  add_input_gradient(back[2], d_height_first, layer.conv2h, dx);
  d_height_first.reset();

  call(training().layer_norm_gradient, x.data(), inner.moments.data(), layer.norm_weight, dx.data(), dy.data(), rows,
       layer.in.height * layer.in.width, accumulate(), wants_dx ? dx.data() : nullptr, gradient(layer.norm_weight),
       gradient(layer.norm_bias));
  return wants_dx ? std::move(dx) : PassArray();
}

PassArray TrainingPass::upload(const float* host, int64_t elements) {
  PassArray array = memory_.floats(elements);
  if (pass_ != nullptr) {
    const Device& device = decoder_.device;
    device.call(device->upload, array.memory(), static_cast<const void*>(host),
                static_cast<size_t>(elements) * sizeof(float));
  }
  return array;
}

void TrainingPass::add_noise(const PassArray& x, int64_t elements, const TrainingBatch& batch, double sigma,
                             int64_t substream) {
  if (sigma == 0) return;
  for (int64_t task = 0; task < plan_.batch; ++task) {
    const uint64_t stream = 2 * (batch.noise_stream + static_cast<uint64_t>(task)) + static_cast<uint64_t>(substream);
    const DndNoise noise = {batch.noise_key, stream, static_cast<float>(sigma)};
    call(training().add_noise, &noise, elements, x.data() + task * elements);
  }
}

std::vector<DndConvolution> TrainingPass::convolutions(const DecoderLayer& layer) const {
  return training_convolutions(layer, decoder_.config, plan_.batch, plan_.convolution_limit);
}

DndConvolutionOperands TrainingPass::normalised(const DecoderLayer& layer, const PassArray& x,
                                                const Inner& inner) const {
  return {
      .x = x.data(), .moments = inner.moments.data(), .norm_weight = layer.norm_weight, .norm_bias = layer.norm_bias};
}

PassArray TrainingPass::convolve(const DndConvolution& step, const DndConvolutionOperands& operands,
                                 const float* weight) {
  PassArray y = memory_.floats(elements_after(step));
  convolve_into(y.data(), step, operands, weight);
  return y;
}

void TrainingPass::convolve_into(float* y, const DndConvolution& step, DndConvolutionOperands operands,
                                 const float* weight) const {
  operands.weight = weight;
  operands.y = y;
  operands.workspace = workspace_.memory();
  call(decoder_.device->convolution, &step, &operands);
}

void TrainingPass::weight_gradient(const DndConvolution& step, const DndConvolutionOperands& operands,
                                   const PassArray& dy, const float* weight) {
  const DndWeightGradientOperands gradient_operands = {.x = operands.x,
                                                       .moments = operands.moments,
                                                       .norm_weight = operands.norm_weight,
                                                       .norm_bias = operands.norm_bias,
                                                       .dy = dy.data(),
                                                       .gradient = gradient(weight),
                                                       .accumulate = accumulate(),
                                                       .workspace = workspace_.memory()};
  call(training().weight_gradient, &step, &gradient_operands);
}

void TrainingPass::add_input_gradient(const DndConvolution& step, const PassArray& dy, const float* weight,
                                      const PassArray& sum) {
  convolve_into(sum.data(), step, {.x = dy.data(), .addend = sum.data()}, weight);
}

void TrainingPass::throw_if_cancelled() const {
  if (control_->cancelled(control_->context) != 0) throw Error(ErrorCode::kAborted, "the work was cancelled");
}

}  // namespace dnd
