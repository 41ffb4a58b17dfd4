#include "model/decoder_layers.h"

namespace dnd {

std::string text_of(const Feature& feature) {
  std::string text = "[";
  text += std::to_string(feature.tokens) + ", " + std::to_string(feature.height) + ", " + std::to_string(feature.width);
  return text += "]";
}

std::vector<DndConvolution> convolutions_of(const DecoderLayer& layer, const DecoderConfig& config, int64_t batch,
                                            int64_t limit, Activations activations) {
  const auto [n, h, w] = layer.in;
  const Feature& out = layer.out;
  const auto step = [&](DndAxis axis, int64_t height, int64_t width, int64_t out_channels, bool normalised,
                        DndEpilogue epilogue) {
    return DndConvolution{
        axis, batch, n, height, width, out_channels, config.kernel_size, normalised, epilogue, config.algorithm, limit};
  };
  return {step(kDndWidth, h, w, out.width, true, kDndStore),
          step(kDndHeight, h, out.width, out.height, false, kDndStore),
          step(kDndHeight, h, w, out.height, true, kDndStore),
          step(kDndWidth, out.height, w, out.width, false,
               activations == Activations::kSaved ? kDndStore : kDndMergePaths),
          step(kDndToken, out.height, out.width, out.tokens, false, kDndTokenBias)};
}

std::vector<StoredValues> convolution_weights(const DecoderLayer& layer) {
  return {layer.conv1w, layer.conv1h, layer.conv2h, layer.conv2w, layer.token_weight};
}

int64_t elements_after(const DndConvolution& c) {
  const int64_t elements = c.batch * c.out_channels;
  switch (c.axis) {
    case kDndWidth: return elements * c.tokens * c.height;
    case kDndHeight: return elements * c.tokens * c.width;
    case kDndToken: break;
  }
  return elements * c.height * c.width;
}

}  // namespace dnd
