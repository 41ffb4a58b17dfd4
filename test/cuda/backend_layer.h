#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "backend.h"
#include "cuda/host/queue.h"
#include "test/cuda/backend_device.h"
#include "test/native/naive_convolution.h"
#include "test/native/random_values.h"

namespace dnd::test {

/// A small layer as in the decoder: norm_statistics, a normalised width convolution, a height convolution, one over
/// tokens with its bias; uploaded, computed in a pass, and by definition.
struct BackendLayer {
  int64_t batch = 1;
  DndAlgorithm algorithm = kDndSpectral;
  int64_t workspace_limit = kPlenty;
  uint64_t key = 1;
  int64_t extra_bytes = 0;     ///< declared to the pass beyond what it needs
  int64_t reserved_bytes = 0;  ///< while weights are uploaded
  uint32_t seed = 1;           ///< of x
  uint32_t parameter_seed = 0;

  static constexpr int64_t kTokens = 3, kHeight = 5, kWidth = 6, kWidthOut = 4, kHeightOut = 7, kTokensOut = 2;
  static constexpr int32_t kKernel = 3;

  std::vector<float> norm_weight = random_values(kHeight * kWidth, parameter_seed + 10);
  std::vector<float> norm_bias = random_values(kHeight * kWidth, parameter_seed + 11);
  std::vector<float> over_width = random_values(kWidthOut * kWidth * 9, parameter_seed + 12);
  std::vector<float> over_height = random_values(kHeightOut * kHeight * 9, parameter_seed + 13);
  std::vector<float> over_tokens = random_values(kTokensOut * kTokens * 9, parameter_seed + 14);
  std::vector<float> bias = random_values(kTokensOut, parameter_seed + 15);

  int64_t inputs() const { return batch * kTokens * kHeight * kWidth; }
  int64_t outputs() const { return batch * kTokensOut * kHeightOut * kWidthOut; }
  std::vector<float> x() const { return random_values(inputs(), seed); }

  ConvolutionCase width_case() const { return {kDndWidth, batch, kTokens, kHeight, kWidth, kWidthOut, kKernel}; }
  ConvolutionCase height_case() const { return {kDndHeight, batch, kTokens, kHeight, kWidthOut, kHeightOut, kKernel}; }
  ConvolutionCase token_case() const { return {kDndToken, batch, kTokens, kHeightOut, kWidthOut, kTokensOut, kKernel}; }

  DndConvolution described(const ConvolutionCase& c) const {
    DndConvolution convolution = convolution_of(c);
    convolution.normalised = c.axis == kDndWidth;
    convolution.epilogue = c.axis == kDndToken ? kDndTokenBias : kDndStore;
    convolution.algorithm = algorithm;
    convolution.workspace_limit = workspace_limit;
    return convolution;
  }

  void upload(const BackendDevice& device, const DndControl* control = nullptr) const {
    for (const std::vector<float>* values : {&norm_weight, &norm_bias, &bias}) {
      device.call(device->upload_values, values->data(), static_cast<int64_t>(values->size()));
    }
    const auto convolution = [&](const ConvolutionCase& c, const std::vector<float>& weight) {
      const DndConvolution described = this->described(c);
      device.call(device->upload_convolution, control, &described, weight.data(), reserved_bytes);
    };
    convolution(width_case(), over_width);
    convolution(height_case(), over_height);
    convolution(token_case(), over_tokens);
  }

  int64_t workspace(const BackendDevice& device) const {
    int64_t most = 0;
    for (const ConvolutionCase& c : {width_case(), height_case(), token_case()}) {
      const DndConvolution convolution = described(c);
      int64_t bytes = 0, sufficient = 0;
      device.call(device->convolution_workspace, &convolution, &bytes, &sufficient);
      most = std::max(most, bytes);
    }
    return most;
  }

  int64_t pass_bytes(const BackendDevice& device) const {
    return workspace(device) + 16 * (inputs() + outputs()) + 8192 + extra_bytes;
  }

  /// `recorded`: what begin_pass said.
  std::vector<float> run(const BackendDevice& device, const DndControl* control = nullptr,
                         int32_t* recorded = nullptr) const {
    const DndPass pass = {key, pass_bytes(device)};
    int32_t repeated = 0;
    device.call(device->begin_pass, &pass, &repeated);
    if (recorded != nullptr) *recorded = repeated;
    Ended ended{device};
    const BackendArray from(device, x());
    const BackendArray workspace(device, this->workspace(device));
    const BackendArray mean_rstd(device, batch * kTokens * 3 * 4);
    const BackendArray wide(device, width_case().outputs() * 4), high(device, height_case().outputs() * 4);
    const BackendArray y(device, outputs() * 4);
    if (repeated == 0) {
      device.call(device->norm_statistics, control, static_cast<const float*>(from.floats()), batch * kTokens,
                  kHeight * kWidth, 1e-5f, mean_rstd.floats());
      convolve(device, control, width_case(), over_width,
               {.x = from.floats(),
                .mean_rstd = mean_rstd.floats(),
                .norm_weight = norm_weight.data(),
                .norm_bias = norm_bias.data(),
                .y = wide.floats()},
               workspace);
      convolve(device, control, height_case(), over_height, {.x = wide.floats(), .y = high.floats()}, workspace);
      convolve(device, control, token_case(), over_tokens, {.x = high.floats(), .bias = bias.data(), .y = y.floats()},
               workspace);
    }
    ended.already = true;
    device.call(device->end_pass, control, int32_t{1});
    return y.download(outputs());
  }

  std::vector<double> expected() const {
    const std::vector<float> from = x();
    std::vector<float> normal(from.size());
    constexpr int64_t kPlane = kHeight * kWidth;
    for (int64_t row = 0; row < batch * kTokens; ++row) {
      double sum = 0, squares = 0;
      for (int64_t i = 0; i < kPlane; ++i) sum += from[row * kPlane + i];
      for (int64_t i = 0; i < kPlane; ++i) squares += std::pow(from[row * kPlane + i] - sum / kPlane, 2);
      const double scale = 1 / std::sqrt(squares / kPlane + 1e-5);
      for (int64_t i = 0; i < kPlane; ++i) {
        normal[row * kPlane + i] =
            static_cast<float>((from[row * kPlane + i] - sum / kPlane) * scale * norm_weight[i] + norm_bias[i]);
      }
    }
    const auto floats = [](const std::vector<double>& values) {
      return std::vector<float>(values.begin(), values.end());
    };
    const std::vector<float> wide = floats(naive_convolution(width_case(), normal, over_width));
    const std::vector<float> high = floats(naive_convolution(height_case(), wide, over_height));
    std::vector<double> y = naive_convolution(token_case(), high, over_tokens);
    for (size_t i = 0; i < y.size(); ++i) y[i] += bias[i / (kHeightOut * kWidthOut) % kTokensOut];
    return y;
  }

 private:
  /// Abandons a pass whose body has failed.
  struct Ended {
    const BackendDevice& device;
    bool already = false;
    ~Ended() {
      if (!already) device->end_pass(device.state(), nullptr, 0);
    }
  };

  void convolve(const BackendDevice& device, const DndControl* control, const ConvolutionCase& c,
                const std::vector<float>& weight, DndConvolutionOperands operands,
                const BackendArray& workspace) const {
    const DndConvolution convolution = described(c);
    operands.weight = weight.data();
    operands.workspace = workspace.memory();
    device.call(device->convolution, control, &convolution, &operands);
  }
};

/// Every launch a piece of its own, for the length of a test.
struct ShortPieces {
  const double before = cuda::Queue::piece_seconds;
  ShortPieces() { cuda::Queue::piece_seconds = 0; }
  ~ShortPieces() { cuda::Queue::piece_seconds = before; }
};

}  // namespace dnd::test
