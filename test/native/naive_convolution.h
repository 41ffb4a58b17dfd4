#pragma once

#include <cstdint>
#include <ostream>
#include <random>
#include <vector>

#include "backend.h"

/// Test convolutions, and their direct computation by definition.
namespace dnd::test {

struct ConvolutionCase {
  DndAxis axis;
  int64_t batch, tokens, height, width, outs;
  int32_t kernel;

  int64_t channels() const { return axis == kDndWidth ? width : axis == kDndHeight ? height : tokens; }
  int64_t inputs() const { return batch * tokens * height * width; }
  int64_t outputs() const { return inputs() / channels() * outs; }
  int64_t weights() const { return outs * channels() * kernel * kernel; }
};

inline DndConvolution convolution_of(const ConvolutionCase& c) {
  return {.axis = c.axis,
          .batch = c.batch,
          .tokens = c.tokens,
          .height = c.height,
          .width = c.width,
          .out_channels = c.outs,
          .kernel_size = c.kernel,
          .normalised = 0,
          .epilogue = kDndStore,
          .algorithm = kDndAuto,
          .workspace_limit = int64_t{1} << 30};
}

inline std::ostream& operator<<(std::ostream& out, const ConvolutionCase& s) {
  return out << "axis " << s.axis << " batch " << s.batch << " tokens " << s.tokens << " height " << s.height
             << " width " << s.width << " outs " << s.outs << " kernel " << s.kernel;
}

/// In double: spatial axes (H, N), (N, W), (H, W) for the width, height and token convolution.
inline std::vector<double> naive_convolution(const ConvolutionCase& s, const std::vector<float>& x,
                                             const std::vector<float>& weight) {
  const int64_t sizes[3] = {s.tokens, s.height, s.width};
  const int channel_axis = s.axis == kDndWidth ? 2 : s.axis == kDndHeight ? 1 : 0;
  const int i_axis = s.axis == kDndWidth ? 1 : s.axis == kDndHeight ? 0 : 1;
  const int j_axis = s.axis == kDndWidth ? 0 : 2;
  std::vector<double> y;
  y.reserve(s.outputs());
  int64_t out_sizes[3] = {sizes[0], sizes[1], sizes[2]};
  out_sizes[channel_axis] = s.outs;
  for (int64_t b = 0; b < s.batch; ++b) {
    int64_t at[3];
    for (at[0] = 0; at[0] < out_sizes[0]; ++at[0]) {
      for (at[1] = 0; at[1] < out_sizes[1]; ++at[1]) {
        for (at[2] = 0; at[2] < out_sizes[2]; ++at[2]) {
          double sum = 0;
          for (int64_t c = 0; c < s.channels(); ++c) {
            for (int64_t i = 0; i < s.kernel; ++i) {
              for (int64_t j = 0; j < s.kernel; ++j) {
                int64_t from[3] = {at[0], at[1], at[2]};
                from[channel_axis] = c;
                from[i_axis] += i - s.kernel / 2;
                from[j_axis] += j - s.kernel / 2;
                if (from[i_axis] < 0 || from[i_axis] >= sizes[i_axis]) continue;
                if (from[j_axis] < 0 || from[j_axis] >= sizes[j_axis]) continue;
                sum += static_cast<double>(
                           weight[((at[channel_axis] * s.channels() + c) * s.kernel + i) * s.kernel + j]) *
                       x[((b * sizes[0] + from[0]) * sizes[1] + from[1]) * sizes[2] + from[2]];
              }
            }
          }
          y.push_back(sum);
        }
      }
    }
  }
  return y;
}

inline std::vector<ConvolutionCase> odd_convolutions() {
  std::vector<ConvolutionCase> shapes;
  for (DndAxis axis : {kDndWidth, kDndHeight, kDndToken}) {
    shapes.insert(shapes.end(), {
                                    {axis, 1, 1, 1, 1, 1, 1},      // just a product
                                    {axis, 1, 1, 1, 1, 1, 11},     // every tap but one is padding
                                    {axis, 2, 3, 2, 5, 4, 9},      // axes shorter than the kernel
                                    {axis, 1, 20, 10, 30, 33, 1},  // no neighbours
                                    {axis, 3, 2, 17, 3, 1, 3},     // one output channel
                                    {axis, 1, 165, 3, 18, 20, 3},  // more than one strip of tokens
                                    {axis, 1, 3, 4, 330, 40, 3},   // and more than one strip of the width
                                    {axis, 1, 40, 30, 33, 15, 9},  // more than one block of channels
                                });
  }
  std::mt19937 random(11);
  const auto up_to = [&random](uint32_t most) { return static_cast<int64_t>(1 + random() % most); };
  for (int i = 0; i < 60; ++i) {
    shapes.push_back({static_cast<DndAxis>(random() % 3), up_to(3), up_to(24), up_to(14), up_to(24), up_to(40),
                      static_cast<int32_t>(1 + 2 * (random() % 6))});
  }
  return shapes;
}

}  // namespace dnd::test
