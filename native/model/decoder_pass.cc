#include "model/decoder_pass.h"

#include <utility>

#include "backend_training.h"

namespace dnd {
PassArray DecoderPass::upload(const float* host, int64_t elements) {
  PassArray array = allocate(elements);
  if (context_.pass != nullptr) device().upload(array.data(), host, elements * static_cast<int64_t>(sizeof(float)));
  return array;
}

/// The memory of [B, N, L, W] is reinterpreted as [B, N, W, L], not transposed: as in the published training.
PassArray DecoderPass::project_length(PassArray condition) {
  const LengthProjection& p = *model_.projection();
  const Feature& first = model_.config().features.front();
  const int64_t rows = batch_ * first.tokens * first.width;
  PassArray shorter = linear(condition, rows, model_.config().projected_from, p.down_weight, p.down_bias);
  if (saves()) projection_.condition = std::move(condition);
  condition.reset();
  PassArray x = linear(shorter, rows, first.height, p.gate_weight, p.gate_bias);
  if (saves()) projection_.shorter = std::move(shorter);
  return x;
}

PassArray DecoderPass::decode(PassArray x, PassArray tokens, int64_t workspace_bytes) {
  workspace_ = context_.memory.bytes(workspace_bytes);
  const std::vector<DecoderLayer>& layers = model_.layers();
  for (const DecoderLayer& layer : layers) {
    const PassArray s = paths(layer, x).s;
    PassArray y = &layer == &layers.back() ? std::move(tokens) : allocate(batch_ * layer.out.elements());
    convolve_tokens(layer, s, x, y);
    x = std::move(y);
  }
  workspace_.reset();
  return x;
}

/// s = (convH(convW(x̂; K1w); K1h) + tanh(convW(convH(x̂; K2h); K2w)) + bias) / 3
LayerActivations DecoderPass::paths(const DecoderLayer& layer, PassArray& x) {
  const std::vector<DndConvolution> steps = convolutions(layer);
  const int64_t rows = batch_ * layer.in.tokens;
  LayerActivations inner;
  inner.mean_rstd = allocate(rows * 3);
  call(device()->norm_statistics, x.data(), rows, layer.in.height * layer.in.width, kNormEpsilon,
       inner.mean_rstd.data());
  inner.width_first = convolve(steps[0], normalised(layer, x, inner.mean_rstd), layer.conv1w);
  PassArray a = convolve(steps[1], {.x = inner.width_first.data()}, layer.conv1h);
  if (!saves()) inner.width_first.reset();
  inner.height_first = convolve(steps[2], normalised(layer, x, inner.mean_rstd), layer.conv2h);
  if (saves()) {
    inner.t = convolve(steps[3], {.x = inner.height_first.data()}, layer.conv2w);
    call(device()->training->merge_paths, a.data(), inner.t.data(), layer.path_bias, rows,
         layer.out.height * layer.out.width, a.data());
    inner.s = std::move(a);
    return inner;
  }
  inner.mean_rstd.reset();
  if (!layer.has_residual()) x.reset();
  inner.s = convolve(steps[3], {.x = inner.height_first.data(), .addend = a.data(), .bias = layer.path_bias},
                    layer.conv2w);
  inner.height_first.reset();
  return inner;
}

void DecoderPass::convolve_tokens(const DecoderLayer& layer, const PassArray& s, const PassArray& x,
                                  const PassArray& y) const {
  convolve_into(y, convolutions(layer)[4],
                {.x = s.data(), .addend = layer.has_residual() ? x.data() : nullptr, .bias = layer.token_bias},
                layer.token_weight);
}

PassArray DecoderPass::linear(const PassArray& x, int64_t rows, int64_t in, const float* weight, const float* bias) {
  const int64_t out = model_.config().features.front().height;
  PassArray y = allocate(rows * out);
  call(device()->linear, x.data(), rows, in, DndWeight{weight}, bias, out, kDndNoActivation, nullptr, y.data());
  return y;
}

PassArray DecoderPass::convolve(const DndConvolution& step, const DndConvolutionOperands& operands,
                                const StoredValues& weight) {
  PassArray y = allocate(elements_after(step));
  convolve_into(y, step, operands, weight);
  return y;
}

void DecoderPass::convolve_into(const PassArray& y, const DndConvolution& step, DndConvolutionOperands operands,
                                const StoredValues& weight) const {
  operands.weight = weight.data;
  operands.weight_type = weight.operand().type;
  operands.y = y.data();
  operands.workspace = workspace_.memory();
  call(device()->convolution, &step, &operands);
}

}  // namespace dnd
