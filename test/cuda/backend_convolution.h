#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "test/cuda/backend_device.h"
#include "test/native/naive_convolution.h"
#include "test/native/random_values.h"

namespace dnd::test {

/// A convolution through the table, and everything that it can read, random.
struct BackendConvolution {
  ConvolutionCase shape;
  DndConvolution described;
  std::vector<float> x, weight, mean_rstd, norm_weight, norm_bias, addend, bias;

  explicit BackendConvolution(const ConvolutionCase& c)
      : shape(c),
        described(convolution_of(c)),
        x(random_values(c.inputs(), 1)),
        weight(random_values(c.weights(), 2)),
        mean_rstd(random_values(3 * c.batch * c.tokens, 3)),
        norm_weight(random_values(c.height * c.width, 4)),
        norm_bias(random_values(c.height * c.width, 5)),
        addend(random_values(c.outputs(), 6)),
        bias(random_values(c.axis == kDndToken ? c.outs : c.height * c.outs, 7)) {}

  void upload(const BackendDevice& device, int64_t reserved_bytes = 0, const DndControl* control = nullptr) const {
    for (const std::vector<float>* values : {&norm_weight, &norm_bias, &bias}) {
      device.call(device->upload_values, values->data(), static_cast<int64_t>(values->size()));
    }
    device.call(device->upload_convolution, control, &described, weight.data(), reserved_bytes);
  }

  int64_t workspace(const BackendDevice& device) const {
    int64_t bytes = 0, sufficient = 0;
    device.call(device->convolution_workspace, &described, &bytes, &sufficient);
    return bytes;
  }

  std::vector<float> run(const BackendDevice& device, const DndControl* control = nullptr) const {
    const BackendArray from(device, x), row_mean_rstd(device, mean_rstd), added(device, addend);
    const BackendArray workspace(device, this->workspace(device)), y(device, shape.outputs() * 4);
    DndConvolutionOperands operands = {
        .x = from.floats(), .weight = weight.data(), .y = y.floats(), .workspace = workspace.memory()};
    if (described.normalised != 0) {
      operands.mean_rstd = row_mean_rstd.floats();
      operands.norm_weight = norm_weight.data();
      operands.norm_bias = norm_bias.data();
    }
    if (described.epilogue != kDndStore) {
      operands.bias = bias.data();
      operands.addend = added.floats();
    }
    device.call(device->convolution, control, &described, &operands);
    return y.download(shape.outputs());
  }

  std::vector<double> expected() const {
    std::vector<float> from = x;
    const int64_t plane = shape.height * shape.width;
    for (int64_t i = 0; i < shape.inputs() && described.normalised != 0; ++i) {
      const float* m = mean_rstd.data() + i / plane * 3;
      const double centred = static_cast<double>(x[i]) - m[0] - m[1];
      from[i] = static_cast<float>(centred * m[2] * norm_weight[i % plane] + norm_bias[i % plane]);
    }
    std::vector<double> y = naive_convolution(shape, from, weight);
    for (size_t i = 0; i < y.size(); ++i) {
      if (described.epilogue == kDndMergePaths) {
        y[i] = (addend[i] + std::tanh(y[i]) + bias[i % (shape.height * shape.outs)]) / 3;
      } else if (described.epilogue == kDndTokenBias) {
        y[i] += addend[i] + bias[i / plane % shape.outs];
      }
    }
    return y;
  }
};

}  // namespace dnd::test
