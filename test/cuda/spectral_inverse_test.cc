#include "cuda/kernels/spectral_inverse.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "core/status.h"
#include "test/cuda/device_buffer.h"
#include "test/cuda/spectral_cases.h"

namespace dnd::cuda {
namespace {

using test::DeviceBuffer;
using test::doubles;
using test::random_values;
using test::relative_error;
using test::SpectralCase;
using test::TestStream;

struct Finish {
  DndEpilogue kind;
  bool with_addend;
};
constexpr Finish kStore = {kDndStore, false};

/// Every epilogue that a convolution over this axis can have.
std::vector<Finish> finishes(DndAxis axis) {
  if (axis == kDndWidth) return {kStore, {kDndMergePaths, true}};
  if (axis == kDndToken) return {kStore, {kDndTokenBias, false}, {kDndTokenBias, true}};
  return {kStore};
}

/// Products of spectra, and what the epilogue adds.
struct Products {
  Products(const SpectralCase& of, Finish finish)
      : c(of),
        finish(finish),
        pitch(cuda_output_pitch(of.convolution.outs)),
        product(random_values(2 * of.tiling().frequencies() * of.tiles() * pitch, 91)),
        addend(random_values(of.convolution.outputs(), 92)),
        bias(random_values(of.convolution.outputs(), 93)) {
    for (int64_t task = 0; task < c.convolution.batch; ++task)
      scales.push_back(std::exp2(static_cast<float>(task - 1)));
  }

  /// c finished, at an index of y; in double.
  double finished(double value, int64_t y_index, int64_t bias_index) const {
    if (finish.kind == kDndMergePaths) return (addend[y_index] + std::tanh(value) + bias[bias_index]) / 3.0;
    if (finish.kind == kDndTokenBias) return value + bias[bias_index] + (finish.with_addend ? addend[y_index] : 0);
    return value;
  }

  SpectralCase c;
  Finish finish;
  int64_t pitch;
  std::vector<float> product, addend, bias, scales;
};
constexpr float kWeightScale = 0x1p-3f;

/// Tiles and output channels of a launch.
struct Part {
  int64_t first_tile, tiles, first_out, outs;
};

/// y after the launch of each part; NaN where nothing was written. A part's product is that of these tiles and outputs.
std::vector<float> outputs_of(const Products& p, const std::vector<Part>& parts, bool scaled = true,
                              bool naive = false) {
  const SpectralCase& c = p.c;
  DeviceBuffer<float> scales(p.scales), weight_scale(std::vector<float>{kWeightScale});
  DeviceBuffer<float> addend(p.addend), bias(p.bias), y(c.convolution.outputs());
  const int64_t components = 2 * c.tiling().frequencies();
  for (const Part& part : parts) {
    const int64_t pitch = cuda_output_pitch(part.outs) + 4;
    std::vector<float> of_part(components * part.tiles * pitch, std::numeric_limits<float>::quiet_NaN());
    for (int64_t component = 0; component < components; ++component) {
      for (int64_t tile = 0; tile < part.tiles; ++tile) {
        const float* from =
            p.product.data() + (component * c.tiles() + part.first_tile + tile) * p.pitch + part.first_out;
        std::copy(from, from + part.outs, of_part.data() + (component * part.tiles + tile) * pitch);
      }
    }
    DeviceBuffer<float> product(of_part);
    const SpectralInverse arguments = {.geometry = c.geometry(p.finish.kind),
                                       .tiling = c.tiling(),
                                       .epilogue = p.finish.kind,
                                       .product = product.data(),
                                       .product_pitch = pitch,
                                       .scales = scaled ? scales.data() : nullptr,
                                       .weight_scale = scaled ? weight_scale.data() : nullptr,
                                       .first_tile = part.first_tile,
                                       .tiles = part.tiles,
                                       .first_out = part.first_out,
                                       .outs = part.outs,
                                       .addend = p.finish.with_addend ? addend.data() : nullptr,
                                       .bias = p.finish.kind == kDndStore ? nullptr : bias.data(),
                                       .y = y.data()};
    const TestStream stream;
    (naive ? spectral_inverse_naive : spectral_inverse)(stream, arguments);
    stream.synchronise();
  }
  return y.download();
}

std::vector<float> outputs_of(const Products& p, bool scaled = true, bool naive = false) {
  return outputs_of(p, {{0, p.c.tiles(), 0, p.c.convolution.outs}}, scaled, naive);
}

std::vector<double> wanted_outputs(const Products& p, bool scaled) {
  const SpectralCase& c = p.c;
  const Geometry g = c.geometry(p.finish.kind);
  const CudaTiling tiling = c.tiling();
  const int full = static_cast<int>(tiling.full.points), halved = static_cast<int>(tiling.halved.points);
  std::vector<double> wanted(c.convolution.outputs(), std::numeric_limits<double>::quiet_NaN());
  for (int64_t t = 0; t < c.tiles(); ++t) {
    const test::CaseTile at = test::tile_of(tiling, t);
    const double scale = (scaled ? double{p.scales[at.task]} * kWeightScale : 1) * std::sqrt(double(full) * halved);
    for (int64_t out = 0; out < g.out_channels; ++out) {
      std::vector<std::complex<double>> spectrum;
      for (int64_t f = 0; f < tiling.frequencies(); ++f) {
        const auto component = [&](int64_t i) { return p.product[((2 * f + i) * c.tiles() + t) * p.pitch + out]; };
        const FrequencyPlace place = frequency_place(full, halved, static_cast<int>(f));
        const bool real = frequency_multiplicity(full, halved, place) == 1;  // what a real tile has there
        spectrum.push_back({component(0), real ? 0 : component(1)});
      }
      const std::vector<double> tile = test::naive_tile(spectrum, full, halved);
      for (int64_t a = 0; a < tiling.full.output_count(at.full); ++a) {
        for (int64_t b = 0; b < tiling.halved.output_count(at.halved); ++b) {
          const auto index = [&](const Geometry::Strides& strides) {
            return test::index_of(strides, c.halved_is_rows, at.task, out, tiling.full.output_begin(at.full) + a,
                                  tiling.halved.output_begin(at.halved) + b);
          };
          const double value =
              tile[(tiling.full.output_point() + a) * halved + tiling.halved.output_point() + b] / scale;
          wanted[index(g.y)] = p.finished(value, index(g.y), index(g.bias));
        }
      }
    }
  }
  return wanted;
}

TEST(SpectralInverse, agrees_with_its_definition_for_every_size_and_epilogue) {
  for (const SpectralCase& c : test::spectral_cases(4)) {
    for (const Finish& finish : finishes(c.convolution.axis)) {
      SCOPED_TRACE(testing::Message() << c << ", epilogue " << finish.kind << (finish.with_addend ? ", addend" : ""));
      const Products products(c, finish);
      EXPECT_LE(relative_error(outputs_of(products), wanted_outputs(products, true)), test::kFloatTolerance);
    }
  }
}

const SpectralCase kSomeCases[] = {{{kDndWidth, 2, 20, 17, 1, 25, 5}, 16, 14, true, false},
                                   {{kDndHeight, 2, 21, 1, 30, 9, 9}, 14, 24, false, false},
                                   {{kDndToken, 2, 1, 33, 19, 37, 3}, 32, 14, true, false}};

TEST(SpectralInverse, gives_the_same_bytes_in_any_order_and_in_any_parts_and_the_naive_kernels) {
  for (const SpectralCase& c : kSomeCases) {
    for (const Finish& finish : finishes(c.convolution.axis)) {
      SCOPED_TRACE(testing::Message() << c << ", epilogue " << finish.kind << (finish.with_addend ? ", addend" : ""));
      const Products products(c, finish);
      const std::vector<float> all = test::same_for_every_order([&] { return outputs_of(products); });
      EXPECT_LE(relative_error(all, outputs_of(products, true, true)), test::kFloatTolerance);
      std::vector<Part> parts;
      const int64_t tiles = c.tiles(), outs = c.convolution.outs, cut = outs / 2 + 1;
      for (int64_t first = 0; first < tiles; first += 3) {
        const int64_t count = std::min<int64_t>(3, tiles - first);
        parts.insert(parts.end(), {{first, count, 0, cut}, {first, count, cut, outs - cut}});
      }
      ASSERT_GT(parts.size(), 2u);
      const std::vector<float> in_parts = outputs_of(products, parts);
      EXPECT_EQ(std::memcmp(in_parts.data(), all.data(), all.size() * sizeof(float)), 0);
    }
  }
}

TEST(SpectralInverse, writes_the_outputs_of_its_tiles_and_channels_alone) {
  for (const SpectralCase& c : kSomeCases) {
    SCOPED_TRACE(testing::Message() << c);
    const Products products(c, kStore);
    const Geometry g = c.geometry();
    const std::vector<float> all = outputs_of(products), some = outputs_of(products, {{1, 1, 2, 5}});
    const CudaTiling tiling = c.tiling();
    std::vector<bool> inside(all.size());
    const test::CaseTile at = test::tile_of(tiling, 1);
    for (int64_t out = 2; out < 7; ++out) {
      for (int64_t a = 0; a < tiling.full.output_count(at.full); ++a) {
        for (int64_t b = 0; b < tiling.halved.output_count(at.halved); ++b) {
          inside[test::index_of(g.y, c.halved_is_rows, at.task, out, tiling.full.output_begin(at.full) + a,
                                tiling.halved.output_begin(at.halved) + b)] = true;
        }
      }
    }
    for (size_t i = 0; i < all.size(); ++i) {
      if (inside[i]) {
        ASSERT_EQ(some[i], all[i]) << "at " << i;
      } else {
        ASSERT_TRUE(std::isnan(some[i])) << "at " << i;
      }
    }
  }
}

TEST(SpectralInverse, undoes_scales_of_any_size) {
  const SpectralCase& c = kSomeCases[1];
  Products products(c, kStore);
  const std::vector<float> plain = outputs_of(products, false);
  for (float& value : products.product) value *= 0x1p20f;
  const DeviceBuffer<float> product(products.product);
  for (float exponent : {-118.0f, 110.0f}) {  // undoing the smaller one first would overflow
    const float weight_exponent = -8 - exponent;
    DeviceBuffer<float> scales(std::vector<float>(2, std::exp2(exponent)));
    DeviceBuffer<float> weight_scale(std::vector<float>{std::exp2(weight_exponent)});
    DeviceBuffer<float> y(c.convolution.outputs());
    const TestStream stream;
    spectral_inverse(stream, {.geometry = c.geometry(),
                              .tiling = c.tiling(),
                              .epilogue = kDndStore,
                              .product = product.data(),
                              .product_pitch = products.pitch,
                              .scales = scales.data(),
                              .weight_scale = weight_scale.data(),
                              .first_tile = 0,
                              .tiles = c.tiles(),
                              .first_out = 0,
                              .outs = c.convolution.outs,
                              .addend = nullptr,
                              .bias = nullptr,
                              .y = y.data()});
    stream.synchronise();
    std::vector<double> wanted = doubles(plain);
    for (double& value : wanted) value *= std::exp2(20 + 8);
    EXPECT_LE(relative_error(y.download(), wanted), test::kFloatTolerance);
  }
}

TEST(SpectralInverse, refuses_a_size_without_a_transform) {
  const SpectralCase c = {{kDndToken, 1, 2, 3, 4, 1, 3}, 20, 16, false, false};
  EXPECT_THROW(outputs_of(Products(c, kStore)), Error);
}

}  // namespace
}  // namespace dnd::cuda
