#pragma once

#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "model/decoder.h"
#include "naive_decoder.h"

/// The decoder's loss and its derivatives in double, index by index, sharing nothing with the code under test.
namespace dnd::test {

using Values = std::vector<double>;

struct NaiveTask {
  Values condition, target;  ///< of `batch` tasks; the target NaN where there is no target
  Values importance;         ///< by token; empty: ones
  int64_t batch;
};

struct NaiveDecoder {
  DecoderConfig config;
  std::map<std::string, Values> parameters;

  explicit NaiveDecoder(const Decoder& decoder) : config(decoder.config()) {
    for (const ParameterInfo& info : decoder.parameters()) {
      const float* values = decoder.parameter(info.name);
      parameters[info.name] = Values(values, values + info.elements());
    }
  }

  auto parameter_of() const {
    return [this](const std::string& name) { return parameters.at(name).data(); };
  }

  Tensor forward(const NaiveTask& task) const {
    Tensor x = naive_input(config, parameter_of(), task.condition, task.batch);
    for (size_t i = 0; i + 1 < config.features.size(); ++i) x = naive_layer(config, parameter_of(), i, x);
    return x;
  }
};

/// Mean of importance · (y − target)² over elements with a target; dy unless null.
inline double naive_loss(const Tensor& y, const NaiveTask& task, Values* dy = nullptr) {
  double valid = 0, sum = 0;
  for (const double target : task.target) valid += !std::isnan(target);
  if (dy != nullptr) dy->assign(y.values.size(), 0);
  for (size_t i = 0; i < y.values.size(); ++i) {
    if (std::isnan(task.target[i])) continue;
    const size_t token = i / static_cast<size_t>(y.height * y.width) % static_cast<size_t>(y.tokens);
    const double weight = task.importance.empty() ? 1 : task.importance[token];
    const double difference = y.values[i] - task.target[i];
    sum += weight * difference * difference;
    if (dy != nullptr) (*dy)[i] = 2 * weight * difference / valid;
  }
  return sum / valid;
}

/// dx and dweight of naive_convolution.
inline Tensor naive_convolution_gradient(Tensor x, char axis, const double* weight, int64_t k, Tensor dy,
                                         Values& dweight) {
  Tensor dx(x.batch, x.tokens, x.height, x.width);
  const int64_t channels = axis == 'N' ? x.tokens : axis == 'H' ? x.height : x.width, p = k / 2;
  const int64_t outs = axis == 'N' ? dy.tokens : axis == 'H' ? dy.height : dy.width;
  dweight.assign(static_cast<size_t>(outs * channels * k * k), 0);
  for (int64_t b = 0; b < dy.batch; ++b) {
    for (int64_t n = 0; n < dy.tokens; ++n) {
      for (int64_t h = 0; h < dy.height; ++h) {
        for (int64_t w = 0; w < dy.width; ++w) {
          const int64_t out = axis == 'N' ? n : axis == 'H' ? h : w;
          const double from = dy.at(b, n, h, w);
          for (int64_t c = 0; c < channels; ++c) {
            for (int64_t i = 0; i < k; ++i) {
              for (int64_t j = 0; j < k; ++j) {
                const int64_t xn = axis == 'W' ? n + j - p : axis == 'H' ? n + i - p : c;
                const int64_t xh = axis == 'H' ? c : h + i - p;
                const int64_t xw = axis == 'W' ? c : w + j - p;
                if (xn < 0 || xn >= x.tokens || xh < 0 || xh >= x.height || xw < 0 || xw >= x.width) continue;
                const int64_t tap = ((out * channels + c) * k + i) * k + j;
                dx.at(b, xn, xh, xw) += weight[tap] * from;
                dweight[static_cast<size_t>(tap)] += x.at(b, xn, xh, xw) * from;
              }
            }
          }
        }
      }
    }
  }
  return dx;
}

/// Parameter gradients and dx of a layer, from x and dy.
inline Tensor naive_layer_gradient(const NaiveDecoder& decoder, size_t index, const Tensor& x, const Tensor& dy,
                                   std::map<std::string, Values>& gradients) {
  const std::string name = "decoder.module_list." + std::to_string(index) + ".";
  const auto parameter = [&](const char* suffix) { return decoder.parameters.at(name + suffix).data(); };
  const auto gradient = [&](const char* suffix) -> Values& { return gradients[name + suffix]; };
  const Feature out = decoder.config.features[index + 1];
  const int64_t k = decoder.config.kernel_size, columns = x.height * x.width, plane = out.height * out.width;

  Tensor n = x, normalised = x;
  Values scales;
  for (int64_t row = 0; row < x.batch * x.tokens; ++row) {
    const double* from = x.values.data() + row * columns;
    double mean = 0, variance = 0;
    for (int64_t i = 0; i < columns; ++i) mean += from[i] / columns;
    for (int64_t i = 0; i < columns; ++i) variance += (from[i] - mean) * (from[i] - mean) / columns;
    scales.push_back(1 / std::sqrt(variance + 1e-5));
    for (int64_t i = 0; i < columns; ++i) {
      n.values[row * columns + i] = (from[i] - mean) * scales.back();
      normalised.values[row * columns + i] =
          n.values[row * columns + i] * parameter("linear1.norm.weight")[i] + parameter("linear1.norm.bias")[i];
    }
  }
  const Tensor first = naive_convolution(normalised, 'W', parameter("linear1.conv1w.weight"), out.width, k);
  const Tensor a = naive_convolution(first, 'H', parameter("linear1.conv1h.weight"), out.height, k);
  const Tensor second = naive_convolution(normalised, 'H', parameter("linear1.conv2h.weight"), out.height, k);
  Tensor t = naive_convolution(second, 'W', parameter("linear1.conv2w.weight"), out.width, k);
  Tensor s = a;
  for (size_t i = 0; i < s.values.size(); ++i) {
    t.values[i] = std::tanh(t.values[i]);
    s.values[i] = (a.values[i] + t.values[i] + parameter("linear1.bias")[i % plane]) / 3;
  }

  Values& token_bias = gradient("linear2.bias");
  token_bias.assign(out.tokens, 0);
  for (size_t i = 0; i < dy.values.size(); ++i) token_bias[i / plane % out.tokens] += dy.values[i];
  const Tensor ds = naive_convolution_gradient(s, 'N', parameter("linear2.weight"), k, dy, gradient("linear2.weight"));
  Tensor da = ds, dp = ds;
  Values& path_bias = gradient("linear1.bias");
  path_bias.assign(plane, 0);
  for (size_t i = 0; i < ds.values.size(); ++i) {
    da.values[i] = ds.values[i] / 3;
    dp.values[i] = da.values[i] * (1 - t.values[i] * t.values[i]);
    path_bias[i % plane] += da.values[i];
  }
  const Tensor d_first = naive_convolution_gradient(first, 'H', parameter("linear1.conv1h.weight"), k, da,
                                                    gradient("linear1.conv1h.weight"));
  Tensor d_normalised = naive_convolution_gradient(normalised, 'W', parameter("linear1.conv1w.weight"), k, d_first,
                                                   gradient("linear1.conv1w.weight"));
  const Tensor d_second = naive_convolution_gradient(second, 'W', parameter("linear1.conv2w.weight"), k, dp,
                                                     gradient("linear1.conv2w.weight"));
  const Tensor other = naive_convolution_gradient(normalised, 'H', parameter("linear1.conv2h.weight"), k, d_second,
                                                  gradient("linear1.conv2h.weight"));
  for (size_t i = 0; i < other.values.size(); ++i) d_normalised.values[i] += other.values[i];

  Values &norm_weight = gradient("linear1.norm.weight"), &norm_bias = gradient("linear1.norm.bias");
  norm_weight.assign(columns, 0);
  norm_bias.assign(columns, 0);
  Tensor dx = x;
  for (int64_t row = 0; row < x.batch * x.tokens; ++row) {
    double mean = 0, product = 0;
    for (int64_t i = 0; i < columns; ++i) {
      const double dn = d_normalised.values[row * columns + i] * parameter("linear1.norm.weight")[i];
      mean += dn / columns;
      product += dn * n.values[row * columns + i] / columns;
    }
    for (int64_t i = 0; i < columns; ++i) {
      const size_t at = row * columns + i;
      norm_weight[i] += d_normalised.values[at] * n.values[at];
      norm_bias[i] += d_normalised.values[at];
      const double dn = d_normalised.values[at] * parameter("linear1.norm.weight")[i];
      dx.values[at] = scales[row] * (dn - mean - n.values[at] * product);
      if (decoder.config.features[index] == out) dx.values[at] += dy.values[at];
    }
  }
  return dx;
}

/// Gradients of y = x · weightᵀ + bias.
inline Values naive_linear_gradient(const Values& x, int64_t in, int64_t out, const Values& weight, const Values& dy,
                                    Values& dweight, Values& dbias) {
  Values dx(x.size(), 0);
  dweight.assign(in * out, 0);
  dbias.assign(out, 0);
  for (size_t i = 0; i < dy.size(); ++i) {
    const int64_t row = i / out, o = i % out;
    dbias[o] += dy[i];
    for (int64_t j = 0; j < in; ++j) {
      dweight[o * in + j] += dy[i] * x[row * in + j];
      dx[row * in + j] += dy[i] * weight[o * in + j];
    }
  }
  return dx;
}

/// Gradients of the loss with respect to every parameter.
inline std::map<std::string, Values> naive_gradients(const NaiveDecoder& decoder, const NaiveTask& task) {
  std::map<std::string, Values> gradients;
  const size_t layers = decoder.config.features.size() - 1;
  std::vector<Tensor> x = {naive_input(decoder.config, decoder.parameter_of(), task.condition, task.batch)};
  for (size_t i = 0; i < layers; ++i) x.push_back(naive_layer(decoder.config, decoder.parameter_of(), i, x[i]));
  Tensor dy = x.back();
  naive_loss(x.back(), task, &dy.values);
  for (size_t i = layers; i-- > 0;) dy = naive_layer_gradient(decoder, i, x[i], dy, gradients);
  const int64_t from = decoder.config.projected_from, length = decoder.config.features[0].height;
  if (from == 0) return gradients;
  const auto& parameters = decoder.parameters;
  Values shorter(task.condition.size() / from * length);
  for (size_t i = 0; i < shorter.size(); ++i) {
    shorter[i] = parameters.at("down_proj.bias")[i % length];
    for (int64_t j = 0; j < from; ++j) {
      shorter[i] += task.condition[i / length * from + j] * parameters.at("down_proj.weight")[i % length * from + j];
    }
  }
  const Values d_shorter = naive_linear_gradient(shorter, length, length, parameters.at("gate_proj.weight"), dy.values,
                                                 gradients["gate_proj.weight"], gradients["gate_proj.bias"]);
  naive_linear_gradient(task.condition, from, length, parameters.at("down_proj.weight"), d_shorter,
                        gradients["down_proj.weight"], gradients["down_proj.bias"]);
  return gradients;
}

}  // namespace dnd::test
