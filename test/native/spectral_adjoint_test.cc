#include <gtest/gtest.h>

#include <algorithm>
#include <complex>
#include <numbers>
#include <string>
#include <vector>

#include "cpu/isa/kernels.h"
#include "cpu/isa/spectral_kernels.h"
#include "cpu/spectral/frequency_order.h"
#include "cpu/spectral/tap_twiddles.h"
#include "naive_spectrum.h"
#include "random_values.h"
#include "spectral_isa.h"

/// The adjoint of the weights' transform, and the product before it.
namespace dnd::cpu {
namespace {

using test::kTransformTolerance;
using test::naive_tile;
using test::NaiveSpectrum;
using test::random_values;
using test::relative_error;
using test::stored_points;
using test::StoredPoint;
using test::tile_sizes;

constexpr float kUntouched = 1234.5f;
constexpr int64_t kGap = 16;  ///< floats that must not be touched, behind every column and every component
constexpr int64_t kChannels = 2, kVectors = 2;

/// Components of the gradient of spectra, [point][component][input channel][vector][lane], as products make them.
struct Gradients {
  int64_t component_stride = kChannels * kVectors * isa().lanes + kGap;
  std::vector<float> floats;

  explicit Gradients(const FrequencyOrder& order) : floats(random_values(3 * order.points() * component_stride, 71)) {
    // What a real tile's transforms multiply to: imaginary parts of real points are zero, so their sum is the real one.
    for (const StoredPoint& stored : stored_points(order)) {
      if (!stored.real) continue;
      float* real = floats.data() + 3 * stored.point * component_stride;
      for (int64_t i = 0; i < component_stride; ++i) real[component_stride + i] = 0;
      std::copy_n(real, component_stride, real + 2 * component_stride);
    }
  }

  /// With real and imaginary part p1 − p2 and p3 − p1 − p2.
  std::complex<double> at(int64_t point, int64_t out, int64_t channel) const {
    const float* p = floats.data() + 3 * point * component_stride + channel * kVectors * isa().lanes + out;
    const double p1 = p[0], p2 = p[component_stride], p3 = p[2 * component_stride];
    return {p1 - p2, p3 - p1 - p2};
  }
};

struct Layout {
  int64_t kernel;
  bool halved_is_i, outs_first;  ///< weights [output channel][input channel], or the other way round
  int64_t outs = kVectors * isa().lanes - 1;

  int64_t taps() const { return kernel * kernel; }
  int64_t index(int64_t out, int64_t channel) const {
    return (outs_first ? out * kChannels + channel : channel * outs + out) * taps();
  }
  TapTarget target(float* gradient, int64_t vector, bool accumulate) const {
    const int64_t out = vector * isa().lanes;
    return {
        gradient + index(out, 0), index(1, 0), std::min(isa().lanes, outs - out), index(0, 1), halved_is_i ? kernel : 1,
        halved_is_i ? 1 : kernel, accumulate};
  }
};

/// Both halves of the adjoint; a column's steps are taken `slab_steps` at a time. Adds to what `gradient` holds.
std::vector<float> adjoint_of(const Gradients& spectra, const Layout& layout, const FrequencyOrder& order,
                              int64_t slab_steps, std::vector<float> gradient, bool accumulate) {
  const int64_t half = layout.kernel / 2, kernel_floats = 2 * layout.kernel * isa().lanes;
  const int64_t full = order.full_points, steps = full / 4 + 1;
  const TwiddleTable halved_twiddles(order.halved_points, half), full_twiddles(full, half);
  const int64_t column_stride = kChannels * kVectors * kernel_floats + kGap;
  std::vector<float> rows(order.columns() * column_stride, kUntouched);
  for (int64_t column = 0; column < order.columns(); ++column) {
    int64_t point = order.column_begin(column);
    for (int64_t step = 0; step < steps; step += slab_steps) {
      const int64_t end = std::min(steps, step + slab_steps);
      isa().columns_adjoint[half](spectra.floats.data() + 3 * point * spectra.component_stride,
                                  spectra.component_stride, kChannels * kVectors, full_twiddles.all(), full,
                                  column == 0, step, end, rows.data() + column * column_stride);
      point += points_of_steps(full, column == 0, step, end);
    }
    for (int64_t i = 1; i <= kGap; ++i) EXPECT_EQ(rows[(column + 1) * column_stride - i], kUntouched);
  }
  for (int64_t vector = 0; vector < kVectors; ++vector) {
    isa().halve_adjoint[half](rows.data() + vector * kernel_floats, column_stride, kVectors * kernel_floats, kChannels,
                              halved_twiddles.all(), order.columns(),
                              layout.target(gradient.data(), vector, accumulate));
  }
  return gradient;
}

/// The taps' gradients by definition: over all frequencies the real part of the gradient times the conjugate of a
/// tap's twiddle factor. That is the inverse transform, at the position of the tap in the flipped kernel; every
/// frequency counts for a half.
std::vector<double> naive_taps(const Gradients& spectra, const Layout& layout, const FrequencyOrder& order, int64_t out,
                               int64_t channel) {
  const int64_t halved = order.halved_points, full = order.full_points, half = layout.kernel / 2;
  NaiveSpectrum gradient(halved, full);
  for (const StoredPoint& stored : stored_points(order)) {
    const std::complex<double> value = spectra.at(stored.point, out, channel);
    gradient.set(stored.h, stored.f, value);
    if ((stored.h == 0 || 2 * stored.h == halved) && !stored.real) {
      gradient.set(stored.h, full - stored.f, std::conj(value));
    }
  }
  const std::vector<double> tile = naive_tile(gradient);
  std::vector<double> taps;
  for (int64_t i = 0; i < layout.kernel; ++i) {
    for (int64_t j = 0; j < layout.kernel; ++j) {
      const int64_t a = half - (layout.halved_is_i ? i : j), b = half - (layout.halved_is_i ? j : i);
      taps.push_back(0.5 * tile[(a + 2 * halved) % halved * full + (b + 2 * full) % full]);
    }
  }
  return taps;
}

/// Every kernel with every `step`th pair of sizes; alternating the halved axis and the weight layout.
template <typename Check>
void for_each_kernel_and_tile(size_t step, Check check) {
  for (int64_t kernel = 1; kernel <= kLargestSpectralKernel; kernel += 2) {
    for (size_t i = 0; i < tile_sizes().size(); i += step) {
      const auto [halved, full] = tile_sizes()[i];
      const Layout layout = {kernel, (kernel / 2 + i / step) % 2 == 0, (i / step) % 4 < 2};
      SCOPED_TRACE("kernel " + std::to_string(kernel) + ", " + std::to_string(halved) + " × " + std::to_string(full) +
                   " points, axis " + (layout.halved_is_i ? "i" : "j") + " halved");
      check(layout, frequency_order(halved, full));
    }
  }
}

TEST(WeightAdjoint, agrees_with_its_definition_in_double_for_every_kernel_and_tile_size) {
  for_each_kernel_and_tile(1, [](const Layout& layout, const FrequencyOrder& order) {
    const Gradients spectra(order);
    const std::vector<float> gradient = adjoint_of(
        spectra, layout, order, 1 << 20, std::vector<float>(layout.outs * kChannels * layout.taps(), 1e30f), false);
    std::vector<double> found, wanted;
    for (int64_t eighth = 0; eighth < 8; ++eighth) {  // other lanes for other sizes
      const int64_t out = (order.halved_points / 2 + eighth * layout.outs / 8) % layout.outs;
      for (int64_t channel = 0; channel < kChannels; ++channel) {
        const int64_t first = layout.index(out, channel);
        found.insert(found.end(), gradient.begin() + first, gradient.begin() + first + layout.taps());
        const std::vector<double> taps = naive_taps(spectra, layout, order, out, channel);
        wanted.insert(wanted.end(), taps.begin(), taps.end());
      }
    }
    // Cancellation in p3 − p1 − p2 adds to the roundings of a transform.
    ASSERT_LE(relative_error(found, wanted), 2 * kTransformTolerance);
  });
}

TEST(WeightAdjoint, gives_the_same_bytes_for_any_slab_size) {
  for_each_kernel_and_tile(3, [](const Layout& layout, const FrequencyOrder& order) {
    const Gradients spectra(order);
    const std::vector<float> nothing(layout.outs * kChannels * layout.taps(), 1e30f);
    const std::vector<float> whole = adjoint_of(spectra, layout, order, 1 << 20, nothing, false);
    for (int64_t slab_steps : {1, 3}) {
      EXPECT_EQ(adjoint_of(spectra, layout, order, slab_steps, nothing, false), whole) << slab_steps;
    }
  });
}

TEST(WeightAdjoint, adds_each_tap_once_when_it_accumulates) {
  for_each_kernel_and_tile(5, [](const Layout& layout, const FrequencyOrder& order) {
    const Gradients spectra(order);
    const int64_t count = layout.outs * kChannels * layout.taps();
    const std::vector<float> before = random_values(count, 72);
    std::vector<float> wanted = adjoint_of(spectra, layout, order, 8, std::vector<float>(count), false);
    for (int64_t i = 0; i < count; ++i) wanted[i] += before[i];
    EXPECT_EQ(adjoint_of(spectra, layout, order, 8, before, true), wanted);
  });
}

/// y [component][rows, vectors · lanes] = xᵀ · w with x [component][depth, rows], w [component][depth, vectors ·
/// lanes]; the third components of x and w are the sums of the first two.
TEST(GradientProduct, agrees_with_three_products_in_double_for_any_number_of_rows_and_vectors_and_writes_nothing_else) {
  for (int64_t rows = 1; rows <= 40; ++rows) {
    for (int64_t vectors = 1; vectors <= isa().panel_vectors; ++vectors) {
      const int64_t depth = 1 + (rows * 7 + vectors) % 23, width = vectors * isa().lanes, x_stride = rows + 5;
      const TilePoint strides[] = {{nullptr, depth * x_stride + 3, x_stride}, {nullptr, depth * width + 7, width}};
      const std::vector<float> x = random_values(2 * strides[0].component_stride + isa().lanes, 73);
      const std::vector<float> w = random_values(2 * strides[1].component_stride, 74);
      const int64_t component_stride = rows * width + kGap;
      std::vector<float> y(3 * component_stride, kUntouched), scratch(depth * (rows + isa().lanes + width));
      isa().gradient_product(rows, vectors, depth, {x.data(), strides[0].component_stride, x_stride},
                             {w.data(), strides[1].component_stride, width}, y.data(), component_stride,
                             scratch.data());
      const auto at = [](const float* values, const TilePoint& operand, int64_t component, int64_t d, int64_t i) {
        const float *real = values + d * operand.stride + i, *imaginary = real + operand.component_stride;
        return component == 0 ? *real : component == 1 ? *imaginary : *real + *imaginary;
      };
      for (int64_t i = 0; i < 3 * component_stride; ++i) {
        const int64_t component = i / component_stride, r = i % component_stride / width,
                      l = i % component_stride % width;
        if (r >= rows) {
          ASSERT_EQ(y[i], kUntouched) << rows << " rows, " << vectors << " vectors";
          continue;
        }
        double sum = 0, sizes = 0;
        for (int64_t d = 0; d < depth; ++d) {
          const double term = static_cast<double>(at(x.data(), strides[0], component, d, r)) *
                              at(w.data(), strides[1], component, d, l);
          sum += term, sizes += std::abs(term);
        }
        ASSERT_NEAR(y[i], sum, static_cast<double>(depth + 2) * 0x1p-24 * sizes)
            << rows << " rows, " << vectors << " vectors, component " << component << ", row " << r << ", lane " << l;
      }
    }
  }
}

}  // namespace
}  // namespace dnd::cpu
