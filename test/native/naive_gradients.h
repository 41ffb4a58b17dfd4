#pragma once

#include <cstdint>
#include <vector>

#include "naive_convolution.h"

/// Gradients of the convolutions of naive_convolution.h, by definition, in double.
namespace dnd::test {

/// Calls visit(element of x, element of the weight, element of y) for each product that a convolution sums.
template <typename Visit>
void for_each_product(const ConvolutionCase& s, const Visit& visit) {
  const int64_t sizes[3] = {s.tokens, s.height, s.width};
  const int channel_axis = s.axis == kDndWidth ? 2 : s.axis == kDndHeight ? 1 : 0;
  const int i_axis = s.axis == kDndWidth ? 1 : s.axis == kDndHeight ? 0 : 1;
  const int j_axis = s.axis == kDndWidth ? 0 : 2;
  int64_t out_sizes[3] = {sizes[0], sizes[1], sizes[2]};
  out_sizes[channel_axis] = s.outs;
  int64_t y = 0;
  for (int64_t b = 0; b < s.batch; ++b) {
    int64_t at[3];
    for (at[0] = 0; at[0] < out_sizes[0]; ++at[0]) {
      for (at[1] = 0; at[1] < out_sizes[1]; ++at[1]) {
        for (at[2] = 0; at[2] < out_sizes[2]; ++at[2], ++y) {
          for (int64_t c = 0; c < s.channels(); ++c) {
            for (int64_t i = 0; i < s.kernel; ++i) {
              for (int64_t j = 0; j < s.kernel; ++j) {
                int64_t from[3] = {at[0], at[1], at[2]};
                from[channel_axis] = c;
                from[i_axis] += i - s.kernel / 2;
                from[j_axis] += j - s.kernel / 2;
                if (from[i_axis] < 0 || from[i_axis] >= sizes[i_axis]) continue;
                if (from[j_axis] < 0 || from[j_axis] >= sizes[j_axis]) continue;
                visit(((b * sizes[0] + from[0]) * sizes[1] + from[1]) * sizes[2] + from[2],
                      ((at[channel_axis] * s.channels() + c) * s.kernel + i) * s.kernel + j, y);
              }
            }
          }
        }
      }
    }
  }
}

/// Gradient of x, from dy [the shape of y] and the convolution's weight.
inline std::vector<double> naive_input_gradient(const ConvolutionCase& s, const std::vector<float>& dy,
                                                const std::vector<float>& weight) {
  std::vector<double> dx(s.inputs());
  for_each_product(s, [&](int64_t x, int64_t w, int64_t y) { dx[x] += static_cast<double>(weight[w]) * dy[y]; });
  return dx;
}

/// Gradient of the weight, from the (normalised) x and dy.
inline std::vector<double> naive_weight_gradient(const ConvolutionCase& s, const std::vector<float>& x,
                                                 const std::vector<float>& dy) {
  std::vector<double> gradient(s.weights());
  for_each_product(s, [&](int64_t from, int64_t w, int64_t y) { gradient[w] += static_cast<double>(x[from]) * dy[y]; });
  return gradient;
}

/// The convolution operation from dy to dx, with the weight of the forward convolution s.
inline DndConvolution input_gradient_of(const ConvolutionCase& s) {
  ConvolutionCase backward = s;
  (s.axis == kDndWidth ? backward.width : s.axis == kDndHeight ? backward.height : backward.tokens) = s.outs;
  backward.outs = s.channels();
  DndConvolution convolution = convolution_of(backward);
  convolution.transposed_weight = 1;
  return convolution;
}

}  // namespace dnd::test
