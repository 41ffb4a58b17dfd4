#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "model/decoder.h"

/// The decoder's equations in double, index by index, sharing nothing with the code under test.
namespace dnd::test {

struct Tensor {
  int64_t batch, tokens, height, width;
  std::vector<double> values;

  Tensor(int64_t b, int64_t n, int64_t h, int64_t w)
      : batch(b), tokens(n), height(h), width(w), values(b * n * h * w) {}
  double& at(int64_t b, int64_t n, int64_t h, int64_t w) { return values[((b * tokens + n) * height + h) * width + w]; }
  /// Zero outside the plane.
  double padded(int64_t b, int64_t n, int64_t h, int64_t w) {
    if (n < 0 || n >= tokens || h < 0 || h >= height || w < 0 || w >= width) return 0;
    return at(b, n, h, w);
  }
};

template <typename Number>
Tensor naive_convolution(Tensor x, char axis, const Number* weight, int64_t outs, int64_t k) {
  Tensor y(x.batch, axis == 'N' ? outs : x.tokens, axis == 'H' ? outs : x.height, axis == 'W' ? outs : x.width);
  const int64_t channels = axis == 'N' ? x.tokens : axis == 'H' ? x.height : x.width, p = k / 2;
  for (int64_t b = 0; b < y.batch; ++b) {
    for (int64_t n = 0; n < y.tokens; ++n) {
      for (int64_t h = 0; h < y.height; ++h) {
        for (int64_t w = 0; w < y.width; ++w) {
          double sum = 0;
          const int64_t out = axis == 'N' ? n : axis == 'H' ? h : w;
          for (int64_t c = 0; c < channels; ++c) {
            for (int64_t i = 0; i < k; ++i) {
              for (int64_t j = 0; j < k; ++j) {
                const double value = axis == 'W'   ? x.padded(b, n + j - p, h + i - p, c)
                                     : axis == 'H' ? x.padded(b, n + i - p, c, w + j - p)
                                                   : x.padded(b, c, h + i - p, w + j - p);
                sum += value * weight[((out * channels + c) * k + i) * k + j];
              }
            }
          }
          y.at(b, n, h, w) = sum;
        }
      }
    }
  }
  return y;
}

/// `parameter_of`: a name → where the parameter is.
template <typename ParameterOf>
Tensor naive_layer(const DecoderConfig& config, const ParameterOf& parameter_of, size_t index, Tensor x) {
  const std::string name = "decoder.module_list." + std::to_string(index) + ".";
  const auto parameter = [&](const char* suffix) { return parameter_of(name + suffix); };
  const Feature out = config.features[index + 1];
  const int64_t k = config.kernel_size, plane = x.height * x.width;

  Tensor normalised = x;
  for (int64_t row = 0; row < x.batch * x.tokens; ++row) {
    double mean = 0, variance = 0;
    for (int64_t i = 0; i < plane; ++i) mean += x.values[row * plane + i] / plane;
    for (int64_t i = 0; i < plane; ++i) variance += std::pow(x.values[row * plane + i] - mean, 2) / plane;
    for (int64_t i = 0; i < plane; ++i) {
      normalised.values[row * plane + i] =
          (x.values[row * plane + i] - mean) / std::sqrt(variance + 1e-5) * parameter("linear1.norm.weight")[i] +
          parameter("linear1.norm.bias")[i];
    }
  }
  const Tensor a =
      naive_convolution(naive_convolution(normalised, 'W', parameter("linear1.conv1w.weight"), out.width, k), 'H',
                        parameter("linear1.conv1h.weight"), out.height, k);
  const Tensor p =
      naive_convolution(naive_convolution(normalised, 'H', parameter("linear1.conv2h.weight"), out.height, k), 'W',
                        parameter("linear1.conv2w.weight"), out.width, k);
  Tensor s = a;
  for (size_t i = 0; i < s.values.size(); ++i) {
    s.values[i] = (a.values[i] + std::tanh(p.values[i]) + parameter("linear1.bias")[i % (out.height * out.width)]) / 3;
  }
  Tensor y = naive_convolution(s, 'N', parameter("linear2.weight"), out.tokens, k);
  for (size_t i = 0; i < y.values.size(); ++i) {
    y.values[i] += parameter("linear2.bias")[i / (out.height * out.width) % out.tokens];
    if (config.features[index] == out) y.values[i] += x.values[i];
  }
  return y;
}

/// The condition's memory [rows, from], read as rows of the length axis, through both linear layers.
template <typename ParameterOf>
std::vector<double> naive_projection(const DecoderConfig& config, const ParameterOf& parameter_of,
                                     const std::vector<double>& condition) {
  const auto linear = [](const std::vector<double>& x, int64_t in, int64_t out, const auto* weight, const auto* bias) {
    std::vector<double> y(x.size() / in * out);
    for (size_t i = 0; i < y.size(); ++i) {
      y[i] = bias[i % out];
      for (int64_t j = 0; j < in; ++j) y[i] += x[i / out * in + j] * weight[i % out * in + j];
    }
    return y;
  };
  const int64_t length = config.features[0].height;
  const std::vector<double> shorter = linear(condition, config.projected_from, length, parameter_of("down_proj.weight"),
                                             parameter_of("down_proj.bias"));
  return linear(shorter, length, length, parameter_of("gate_proj.weight"), parameter_of("gate_proj.bias"));
}

/// The input of the first layer.
template <typename ParameterOf>
Tensor naive_input(const DecoderConfig& config, const ParameterOf& parameter_of, const std::vector<double>& condition,
                   int64_t batch) {
  const Feature first = config.features[0];
  Tensor x(batch, first.tokens, first.height, first.width);
  x.values = config.projected_from > 0 ? naive_projection(config, parameter_of, condition) : condition;
  return x;
}

inline std::vector<double> naive_projection(Decoder& decoder, const std::vector<float>& condition) {
  return naive_projection(
      decoder.config(), [&](const std::string& name) { return decoder.parameter(name); },
      std::vector<double>(condition.begin(), condition.end()));
}

inline std::vector<double> naive_forward(Decoder& decoder, const std::vector<float>& condition, int64_t batch) {
  const DecoderConfig& config = decoder.config();
  const auto parameter_of = [&](const std::string& name) { return decoder.parameter(name); };
  Tensor x = naive_input(config, parameter_of, std::vector<double>(condition.begin(), condition.end()), batch);
  for (size_t i = 0; i + 1 < config.features.size(); ++i) x = naive_layer(config, parameter_of, i, x);
  return x.values;
}

}  // namespace dnd::test
