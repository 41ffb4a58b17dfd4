#include <gtest/gtest.h>

#include <cmath>
#include <complex>
#include <utility>
#include <vector>

#include "cuda/kernels/spectral_forward.h"
#include "cuda/kernels/spectral_inverse.h"
#include "cuda/kernels/spectral_weights.h"
#include "cuda/kernels/tensor_scale.h"
#include "test/cuda/device_buffer.h"
#include "test/cuda/spectral_cases.h"

/// The spectral kernels one after the other are a convolution.
namespace dnd::cuda {
namespace {

using test::DeviceBuffer;
using test::doubles;
using test::random_values;
using test::relative_error;
using test::SpectralCase;
using test::TestStream;

/// The scales that a convolution in halves computes with: of each task's input, and of the weight.
struct Scales {
  Scales(runtime::Stream stream, const SpectralCase& c, const float* x, const float* weight)
      : tasks(c.convolution.batch), weight(1), parts(kLargestScaleParts) {
    const int64_t numbers = c.convolution.inputs() / c.convolution.batch, k = c.convolution.kernel;
    const auto compute = [&](const float* values, int64_t count, int64_t columns, float growth, int limit,
                             float* scales) {
      tensor_scale(stream, {.x = values,
                            .tasks = count,
                            .rows = 1,
                            .columns = columns,
                            .mean_rstd = nullptr,
                            .norm_weight = nullptr,
                            .norm_bias = nullptr,
                            .growth = growth,
                            .limit_exponent = limit,
                            .parts = parts.data(),
                            .part_capacity = kLargestScaleParts,
                            .scales = scales});
    };
    compute(x, c.convolution.batch, numbers, 1, kInputLimitExponent, tasks.data());
    compute(weight, 1, c.convolution.weights(), static_cast<float>(k * k), kWeightLimitExponent, this->weight.data());
  }

  DeviceBuffer<float> tasks, weight;
  DeviceBuffer<uint32_t> parts;
};

/// Forward transforms, a plain product in double, the inverse: a whole convolution.
template <typename Element>
std::vector<float> convolve(const SpectralCase& c, const std::vector<float>& x_values,
                            const std::vector<float>& weight_values, bool scaled = false) {
  const Geometry g = c.geometry();
  const int64_t frequencies = c.tiling().frequencies(), tiles = c.tiles(), outs = g.out_channels;
  const int64_t pitch = cuda_channel_pitch(g.channels), product_pitch = cuda_output_pitch(outs);
  DeviceBuffer<float> x(x_values), weight(weight_values), y(c.convolution.outputs());
  DeviceBuffer<Element> tile_spectra(2 * frequencies * tiles * pitch), weight_spectra(2 * frequencies * outs * pitch);
  const TestStream stream;
  const Scales all(stream, c, x.data(), weight.data());
  const float* const scales = scaled ? all.tasks.data() : nullptr;
  const float* const weight_scale = scaled ? all.weight.data() : nullptr;
  spectral_forward<Element>(
      stream, {g, c.tiling(), x.data(), nullptr, nullptr, nullptr, scales, 0, tiles, tile_spectra.data()});
  spectral_weights<Element>(stream, {g, c.tiling(), weight.data(), weight_scale, 0, outs, outs, weight_spectra.data()});
  stream.synchronise();
  const std::vector<double> tile_values = doubles(tile_spectra.download());
  const std::vector<double> weight_spectrum = doubles(weight_spectra.download());
  std::vector<float> product_values(2 * frequencies * tiles * product_pitch);
  for (int64_t f = 0; f < frequencies; ++f) {
    for (int64_t tile = 0; tile < tiles; ++tile) {
      for (int64_t out = 0; out < outs; ++out) {
        std::complex<double> sum = 0;
        for (int64_t channel = 0; channel < g.channels; ++channel) {
          const auto of = [&](const std::vector<double>& spectra, int64_t rows, int64_t row) {
            return std::complex<double>(spectra[(2 * f * rows + row) * pitch + channel],
                                        spectra[((2 * f + 1) * rows + row) * pitch + channel]);
          };
          sum += of(tile_values, tiles, tile) * of(weight_spectrum, outs, out);
        }
        product_values[(2 * f * tiles + tile) * product_pitch + out] = static_cast<float>(sum.real());
        product_values[((2 * f + 1) * tiles + tile) * product_pitch + out] = static_cast<float>(sum.imag());
      }
    }
  }
  DeviceBuffer<float> product(product_values);
  spectral_inverse(stream, {g, c.tiling(), kDndStore, product.data(), product_pitch, scales, weight_scale, 0, tiles, 0,
                            outs, nullptr, nullptr, y.data()});
  stream.synchronise();
  return y.download();
}

TEST(SpectralConvolution, is_the_direct_one_for_every_size) {
  for (SpectralCase c : test::spectral_cases(4)) {
    c.normalised = false;
    SCOPED_TRACE(testing::Message() << c);
    const std::vector<float> x = random_values(c.convolution.inputs(), 94);
    const std::vector<float> weight = random_values(c.convolution.weights(), 95);
    const std::vector<double> wanted = test::naive_convolution(c.convolution, x, weight);
    EXPECT_LE(relative_error(convolve<float>(c, x, weight), wanted), test::kFloatTolerance);
    // Tiles and weights are rounded independently of each other.
    EXPECT_LE(relative_error(convolve<Half>(c, x, weight), wanted), std::sqrt(2.0) * test::kHalfTolerance);
  }
}

TEST(SpectralConvolution, stays_in_the_range_of_halves_whatever_the_magnitudes) {
  for (const auto& [x_magnitude, weight_magnitude] :
       {std::pair{0x1p90f, 0x1p-70f}, {0x1p-60f, 0x1p50f}, {1e5f, 3e4f}}) {
    for (const SpectralCase& c : {SpectralCase{{kDndToken, 2, 7, 33, 40, 5, 9}, 32, 32, false, false},
                                  SpectralCase{{kDndWidth, 2, 20, 17, 25, 4, 5}, 24, 16, true, false}}) {
      SCOPED_TRACE(testing::Message() << c << ", of " << x_magnitude << " and " << weight_magnitude);
      // All of one sign, so that a single frequency has it all.
      std::vector<float> x(c.convolution.inputs()), weight(c.convolution.weights());
      const std::vector<float> varied = random_values(c.convolution.inputs(), 96);
      const std::vector<float> varied_weight = random_values(c.convolution.weights(), 97);
      for (size_t i = 0; i < x.size(); ++i) x[i] = x_magnitude * (1 + 0.1f * varied[i]);
      for (size_t i = 0; i < weight.size(); ++i) weight[i] = weight_magnitude * (1 + 0.1f * varied_weight[i]);
      EXPECT_LE(relative_error(convolve<Half>(c, x, weight, true), test::naive_convolution(c.convolution, x, weight)),
                std::sqrt(2.0) * test::kHalfTolerance);
    }
  }
}

}  // namespace
}  // namespace dnd::cuda
