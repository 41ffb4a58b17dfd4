#include "model/decoder_pass.h"

namespace dnd {

DeviceArray Decoder::Pass::project_length(DeviceArray condition, float* result) const {
  const LengthProjection& p = *decoder_.projection_;
  const Feature& first = decoder_.config_.features[0];
  const int64_t rows = batch_ * first.tokens * first.width;
  const DeviceArray shorter =
      linear(condition, rows, decoder_.config_.projected_from, p.down_weight, p.down_bias, nullptr);
  condition.reset();
  return linear(shorter, rows, first.height, p.gate_weight, p.gate_bias, result);
}

void Decoder::Pass::decode(DeviceArray x, float* tokens) {
  workspace_ = DeviceArray::of_bytes(device_, decoder_.convolution_workspace(batch_, limit_));
  for (const Layer& layer : decoder_.layers_) {
    x = apply(layer, std::move(x), &layer == &decoder_.layers_.back() ? tokens : nullptr);
  }
  workspace_.reset();
}

/// s = (convH(convW(x̂; K1w); K1h) + tanh(convW(convH(x̂; K2h); K2w)) + bias) / 3,  y = convN(s; KN) + biasN (+ x)
DeviceArray Decoder::Pass::apply(const Layer& layer, DeviceArray x, float* result) const {
  const std::vector<DndConvolution> steps = decoder_.convolutions(layer, batch_, limit_);
  DeviceArray a, p;
  {
    const DeviceArray moments = this->moments(layer, x);
    const DndConvolutionOperands normalised = {
        .x = x.data(), .moments = moments.data(), .norm_weight = layer.norm_weight, .norm_bias = layer.norm_bias};
    a = convolve(steps[0], normalised, layer.conv1w);
    a = convolve(steps[1], {.x = a.data()}, layer.conv1h);
    p = convolve(steps[2], normalised, layer.conv2h);
  }
  if (!layer.has_residual()) x.reset();
  const DeviceArray s = convolve(steps[3], {.x = p.data(), .addend = a.data(), .bias = layer.path_bias}, layer.conv2w);
  a.reset();
  p.reset();
  return convolve(steps[4], {.x = s.data(), .addend = x.data(), .bias = layer.token_bias}, layer.token_weight, result);
}

DeviceArray Decoder::Pass::moments(const Layer& layer, const DeviceArray& x) const {
  DeviceArray moments(device_, batch_ * layer.in.tokens * 3);
  pass_.call(device_->moments, control_, x.data(), batch_ * layer.in.tokens, layer.in.height * layer.in.width,
             kNormEpsilon, moments.data());
  return moments;
}

DeviceArray Decoder::Pass::linear(const DeviceArray& x, int64_t rows, int64_t in, const float* weight,
                                  const float* bias, float* result) const {
  const int64_t out = decoder_.config_.features[0].height;
  DeviceArray own;
  if (result == nullptr) own = DeviceArray(device_, rows * out);
  pass_.call(device_->linear, control_, x.data(), rows, in, weight, bias, out, kDndNoActivation, nullptr,
             result != nullptr ? result : own.data());
  return own;
}

DeviceArray Decoder::Pass::convolve(const DndConvolution& step, DndConvolutionOperands operands, const float* weight,
                                    float* result) const {
  DeviceArray own;
  if (result == nullptr) own = DeviceArray(device_, elements_after(step));
  operands.weight = weight;
  operands.y = result != nullptr ? result : own.data();
  operands.workspace = workspace_.memory();
  pass_.call(device_->convolution, control_, &step, &operands);
  return own;
}

}  // namespace dnd
