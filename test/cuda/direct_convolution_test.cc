#include "cuda/kernels/direct_convolution.h"

#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "cuda/kernels/direct_tile.h"
#include "test/cuda/device_buffer.h"

namespace dnd::cuda {
namespace {

using test::DeviceBuffer;
using test::random_values;
using test::relative_error;
using test::same_for_every_order;
using test::TestStream;

constexpr double kTolerance = 2e-6;

struct Problem {
  DndConvolution convolution;
  bool with_addend = true;
  std::vector<float> x, mean_rstd, norm_weight, norm_bias, weight, addend, bias;
  Geometry geometry = convolution_geometry(convolution);

  explicit Problem(const DndConvolution& c, bool with_addend = true) : convolution(c), with_addend(with_addend) {
    const int64_t taps = c.kernel_size * c.kernel_size;
    x = random_values(c.batch * c.tokens * c.height * c.width, 1);
    mean_rstd = random_values(3 * c.batch * c.tokens, 2);
    norm_weight = random_values(c.height * c.width, 3);
    norm_bias = random_values(c.height * c.width, 4);
    weight = random_values(c.out_channels * geometry.channels * taps, 5);
    // Results of about 1, for which tanh is curved.
    for (float& value : weight) value *= 2.0f / std::sqrt(static_cast<float>(geometry.channels * taps));
    addend = random_values(outputs(), 6);
    bias = random_values(outputs(), 7);
  }
  int64_t outputs() const { return geometry.batch * geometry.out_channels * geometry.rows * geometry.columns; }
};

DndConvolution convolution(DndAxis axis, int64_t batch, int64_t tokens, int64_t height, int64_t width, int64_t outs,
                           int32_t kernel, DndEpilogue epilogue = kDndStore, bool normalised = false) {
  return {axis, batch, tokens, height, width, outs, kernel, normalised ? 1 : 0, epilogue, kDndDirect, 0};
}

/// From the definition in native/backend.h: axes by name, not by geometry.
std::vector<double> reference(const Problem& p) {
  const DndConvolution& c = p.convolution;
  const int64_t in[3] = {c.tokens, c.height, c.width}, axis = c.axis == kDndToken ? 0 : c.axis == kDndHeight ? 1 : 2;
  int64_t out[3] = {c.tokens, c.height, c.width};
  out[axis] = c.out_channels;
  // Spatial axes in the kernel's order: (H, N), (N, W), (H, W).
  const int64_t first = axis == 1 ? 0 : 1, second = axis == 2 ? 0 : 2;
  const int64_t half = c.kernel_size / 2;
  std::vector<double> y;
  for (int64_t batch = 0; batch < c.batch; ++batch) {
    for (int64_t i = 0; i < out[0] * out[1] * out[2]; ++i) {
      const int64_t to[3] = {i / out[2] / out[1], i / out[2] % out[1], i % out[2]};
      double sum = 0;
      for (int64_t channel = 0; channel < in[axis]; ++channel) {
        for (int64_t a = 0; a < c.kernel_size; ++a) {
          for (int64_t b = 0; b < c.kernel_size; ++b) {
            int64_t from[3] = {to[0], to[1], to[2]};
            from[axis] = channel;
            from[first] += a - half;
            from[second] += b - half;
            if (from[first] < 0 || from[first] >= in[first] || from[second] < 0 || from[second] >= in[second]) continue;
            const int64_t row = batch * c.tokens + from[0], at = from[1] * c.width + from[2];
            double x = p.x[row * c.height * c.width + at];
            if (c.normalised != 0) {
              const float* m = p.mean_rstd.data() + 3 * row;
              x = (x - m[0] - m[1]) * m[2] * p.norm_weight[at] + p.norm_bias[at];
            }
            sum += x * p.weight[((to[axis] * in[axis] + channel) * c.kernel_size + a) * c.kernel_size + b];
          }
        }
      }
      const auto at = static_cast<int64_t>(y.size());
      if (c.epilogue == kDndMergePaths) sum = (p.addend[at] + std::tanh(sum) + p.bias[to[1] * out[2] + to[2]]) / 3;
      if (c.epilogue == kDndTokenBias) sum += p.bias[to[0]] + (p.with_addend ? p.addend[at] : 0);
      y.push_back(sum);
    }
  }
  return y;
}

using Launch = void (*)(runtime::Stream, const DndConvolution&, const DndConvolutionOperands&);

std::vector<float> convolved(const Problem& p, Launch convolve = launch_direct_convolution) {
  const DeviceBuffer<float> x(p.x), mean_rstd(p.mean_rstd), norm_weight(p.norm_weight), norm_bias(p.norm_bias),
      weight(p.weight), addend(p.addend), bias(p.bias), y(p.outputs());
  DndConvolutionOperands operands;
  operands.x = x.data();
  operands.mean_rstd = mean_rstd.data();
  operands.norm_weight = norm_weight.data();
  operands.norm_bias = norm_bias.data();
  operands.weight = weight.data();
  operands.addend = p.with_addend ? addend.data() : nullptr;
  operands.bias = bias.data();
  operands.y = y.data();
  const TestStream stream;
  convolve(stream, p.convolution, operands);
  stream.synchronise();
  return y.download();
}

std::string text(const DndConvolution& c) {
  std::string result;
  for (const int64_t size : {int64_t{c.axis}, c.batch, c.tokens, c.height, c.width, c.out_channels}) {
    result += std::to_string(size) + " ";
  }
  return result + "k " + std::to_string(c.kernel_size);
}

void expect_agreement(const Problem& problem) {
  EXPECT_LE(relative_error(convolved(problem), reference(problem)), kTolerance) << text(problem.convolution);
}

TEST(CudaDirectConvolution, AgreesWithDoubleForEveryAxisAndKernel) {
  for (const int32_t kernel : {1, 3, 5, 7, 9, 11, 13}) {
    expect_agreement(Problem(convolution(kDndWidth, 1, 9, 12, 7, 10, kernel)));
    expect_agreement(Problem(convolution(kDndHeight, 2, 37, 7, 6, 5, kernel)));
    expect_agreement(Problem(convolution(kDndToken, 1, 3, 11, 33, 9, kernel)));
  }
}

TEST(CudaDirectConvolution, AgreesWithDoubleForFewAndForManyChannels) {
  for (const int64_t channels : {1, 7, 25, 60}) {
    for (const int64_t outs : {1, 2, 3, 4, 6, 8, 10, 18, 25, 70}) {
      expect_agreement(Problem(convolution(kDndHeight, 1, 18, channels, 5, outs, 3)));
    }
  }
}

TEST(CudaDirectConvolution, SkipsPaddingWhereAxesAreShorterThanTheKernel) {
  for (const DndAxis axis : {kDndWidth, kDndHeight, kDndToken}) {
    expect_agreement(Problem(convolution(axis, 1, 1, 1, 1, 1, 13)));
    expect_agreement(Problem(convolution(axis, 2, 2, 3, 5, 4, 9)));
    expect_agreement(Problem(convolution(axis, 1, 40, 2, 3, 3, 13)));
    expect_agreement(Problem(convolution(axis, 1, 2, 3, 40, 3, 13)));
  }
}

TEST(CudaDirectConvolution, AgreesWithDoubleOverManyTiles) {
  expect_agreement(Problem(convolution(kDndHeight, 1, 300, 3, 131, 4, 3)));
  expect_agreement(Problem(convolution(kDndWidth, 1, 140, 70, 4, 9, 3)));
  expect_agreement(Problem(convolution(kDndToken, 1, 2, 150, 67, 3, 5)));
}

TEST(CudaDirectConvolution, NormalisesWhatItReads) {
  for (const DndAxis axis : {kDndWidth, kDndHeight}) {
    expect_agreement(Problem(convolution(axis, 2, 9, 10, 13, 7, 5, kDndStore, true)));
  }
}

TEST(CudaDirectConvolution, HasTheEpiloguesOfBothLayers) {
  expect_agreement(Problem(convolution(kDndWidth, 2, 9, 10, 13, 7, 5, kDndMergePaths)));
  expect_agreement(Problem(convolution(kDndWidth, 1, 9, 10, 13, 12, 3, kDndMergePaths, true)));
  expect_agreement(Problem(convolution(kDndToken, 2, 9, 10, 13, 7, 5, kDndTokenBias)));
  expect_agreement(Problem(convolution(kDndToken, 2, 9, 10, 13, 9, 5, kDndTokenBias), false));
}

TEST(CudaDirectConvolution, IsWhatTheNaiveKernelComputes) {
  for (const Problem& problem : {Problem(convolution(kDndWidth, 2, 9, 10, 13, 7, 5, kDndMergePaths, true)),
                                 Problem(convolution(kDndToken, 2, 9, 10, 13, 7, 5, kDndTokenBias))}) {
    EXPECT_LE(relative_error(convolved(problem), convolved(problem, launch_direct_convolution_naive)), kTolerance);
  }
}

TEST(CudaDirectConvolution, GivesTheSameBytesInAnyOrder) {
  same_for_every_order([] { return convolved(Problem(convolution(kDndHeight, 1, 70, 10, 11, 12, 9))); });
}

TEST(CudaDirectConvolution, KeepsItsAccuracyInLongSums) {
  expect_agreement(Problem(convolution(kDndToken, 1, 500, 6, 6, 3, 11)));
}

Geometry geometry_of(int64_t channels, int64_t outs, int64_t rows, int64_t columns, int32_t kernel) {
  return convolution_geometry(convolution(kDndToken, 1, channels, rows, columns, outs, kernel));
}

TEST(DirectTile, FitsItsStageIntoSharedMemoryForEveryGeometry) {
  for (const int64_t channels : {1, 10, 25, 4296}) {
    for (const int64_t outs : {1, 5, 10, 18, 129, 7308}) {
      for (const int64_t size : {1, 4, 10, 130, 4296}) {
        for (const int32_t kernel : {1, 3, 9, 11, 31}) {
          const Geometry geometry = geometry_of(channels, outs, size, 130, kernel);
          const DirectTile tile = choose_direct_tile(geometry);
          const int64_t taps = most_taps_inside(geometry.columns, kernel);
          ASSERT_GT(tile.outs, 0);
          EXPECT_LE(tile.outs, DirectTile::kMostOuts);
          EXPECT_LE(tile.threads(), 32 * DirectTile::kMostWarps);
          EXPECT_LE(tile.channels * tile.stage_floats(tile.tap_rows, taps), DirectTile::kMostFloats);
          EXPECT_LE(tile.channels * tile.tap_rows * taps, DirectTile::kLongestSum);
          EXPECT_EQ(tile.pitch % 4, 0);
        }
      }
    }
  }
}

TEST(DirectTile, LetsNoTwoReadsOfThePatchThatGoTogetherMeetInABank) {
  for (const int lane_columns : {1, 2, 4, 8, 16, 32}) {
    for (const int taps : {1, 3, 4, 5, 9, 11, 13}) {
      const int64_t pitch = direct_tile::pitch(lane_columns, taps);
      EXPECT_GE(pitch, 4 * lane_columns + round_up(taps, 4));
      for (int first = 0; first < 32; first += 8) {
        std::set<int64_t> banks;
        for (int lane = first; lane < first + 8; ++lane) {
          banks.insert((lane / lane_columns * pitch + lane % lane_columns * 4) / 4 % 8);
        }
        EXPECT_EQ(banks.size(), 8u) << lane_columns << " lanes, " << taps << " taps";
      }
    }
  }
}

TEST(DirectTile, WastesLittleOnThinConvolutionsOfPublishedDecoders) {
  // Height convolutions of the last layers: [N, 10, 130] → 10 and [N, 18, 258] → 18.
  for (const Geometry& geometry : {geometry_of(10, 10, 4296, 130, 9), geometry_of(18, 18, 4508, 258, 11)}) {
    const DirectTile tile = choose_direct_tile(geometry);
    const double done =
        static_cast<double>(round_up(geometry.rows, tile.rows()) * round_up(geometry.columns, tile.columns()) *
                            round_up(geometry.out_channels, tile.block_outs()));
    const double wanted = static_cast<double>(geometry.rows * geometry.columns * geometry.out_channels);
    EXPECT_GE(wanted / done, 0.85);
  }
}

TEST(TapsInside, AreThoseThatTouchThePlaneAnywhere) {
  for (const int64_t size : {1, 3, 10}) {
    for (const int64_t kernel : {1, 3, 9, 13}) {
      for (int64_t begin = 0; begin < size; ++begin) {
        for (const int64_t count : {1, 2, 8}) {
          const TapRange range = taps_inside_for(size, kernel, begin, count);
          EXPECT_LE(range.size(), most_taps_inside(size, kernel));
          for (int64_t tap = 0; tap < kernel; ++tap) {
            bool touches = false;
            for (int64_t at = begin; at < std::min(size, begin + count); ++at) {
              const int64_t from = at + tap - kernel / 2;
              touches |= from >= 0 && from < size;
            }
            EXPECT_EQ(touches, range.begin <= tap && tap < range.end);
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace dnd::cuda
