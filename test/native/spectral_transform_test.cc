#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "core/memory.h"
#include "cpu/isa/kernels.h"
#include "cpu/isa/spectral_kernels.h"
#include "cpu/spectral/frequency_order.h"
#include "naive_spectrum.h"
#include "plan/tile_scratch.h"
#include "random_values.h"
#include "spectral_isa.h"

namespace dnd::cpu {
namespace {

using test::kTransformTolerance;
using test::naive_spectrum;
using test::naive_tile;
using test::NaiveSpectrum;
using test::random_values;
using test::relative_error;
using test::stored_points;
using test::StoredPoint;
using test::tile_sizes;

constexpr float kUntouched = 1234.5f;
constexpr int64_t kGap = 3;  ///< floats between lines of memory that must not be touched

/// Which axis of a tile is contiguous in memory.
enum class Unit { kChannel, kHalved, kFull };
constexpr Unit kUnits[] = {Unit::kChannel, Unit::kHalved, Unit::kFull};
const char* name(Unit unit) {
  return unit == Unit::kChannel ? "channels" : unit == Unit::kHalved ? "the halved axis" : "the full axis";
}

struct Range {
  int64_t begin, end;
  int64_t size() const { return end - begin; }
};

/// The points of a tile that are in memory, and their layout: lines along one axis with gaps between them. The
/// memory ends with the last point.
struct TileMemory {
  Unit unit;
  int64_t channels;
  Range halved, full;
  std::vector<float> floats;
  int64_t channel_stride, halved_stride, full_stride;

  TileMemory(Unit unit, int64_t channels, Range halved, Range full)
      : unit(unit), channels(channels), halved(halved), full(full) {
    if (unit == Unit::kChannel) {
      channel_stride = 1, halved_stride = channels + kGap, full_stride = halved.size() * halved_stride;
    } else if (unit == Unit::kHalved) {
      halved_stride = 1, full_stride = halved.size() + kGap, channel_stride = full.size() * full_stride;
    } else {
      full_stride = 1, channel_stride = full.size() + kGap, halved_stride = channels * channel_stride;
    }
    floats.assign(index(channels - 1, halved.end - 1, full.end - 1) + 1, kUntouched);
  }

  int64_t index(int64_t channel, int64_t a, int64_t b) const {
    return channel * channel_stride + (a - halved.begin) * halved_stride + (b - full.begin) * full_stride;
  }
  float& at(int64_t channel, int64_t a, int64_t b) { return floats[index(channel, a, b)]; }

  template <typename Float>
  TileView<Float> view() {
    return {floats.data(), channel_stride, halved_stride, full_stride, channels,
            halved.begin,  halved.end,     full.begin,    full.end};
  }
};

/// Vectors of components, with gaps between them.
struct SpectrumMemory {
  int64_t components;
  int64_t stride = isa().lanes + 16;  // vectors stay aligned as in a workspace
  std::vector<float> floats;

  SpectrumMemory(const FrequencyOrder& order, int64_t components)
      : components(components), floats((components * order.points() - 1) * stride + isa().lanes, kUntouched) {}
  float& at(int64_t point, int64_t component, int64_t lane) {
    return floats[(components * point + component) * stride + lane];
  }
};

/// Scratch memory of exactly the documented size, with arbitrary contents.
Memory scratch_for(const FrequencyOrder& order) {
  Memory scratch(TileScratch(isa().lanes, order.halved_points, order.full_points).floats() * sizeof(float));
  std::memset(scratch.data(), 0xff, scratch.bytes());
  return scratch;
}

void forward(TileMemory& tile, const TileNorm& norm, const FrequencyOrder& order, const SpectrumScale& scale,
             SpectrumMemory& spectrum) {
  const Memory scratch = scratch_for(order);
  isa().forward(tile.view<const float>(), norm, order, scale, {spectrum.floats.data(), spectrum.stride},
                scratch.floats());
}

void inverse(const SpectrumMemory& spectrum, const FrequencyOrder& order, TileMemory& tile,
             const TileEpilogue& epilogue) {
  const Memory scratch = scratch_for(order);
  isa().inverse({spectrum.floats.data(), spectrum.stride}, order, tile.view<float>(), epilogue, scratch.floats());
}

struct Case {
  FrequencyOrder order;
  Unit unit;
  int64_t channels;
  Range halved, full;

  std::string name() const {
    const auto text = [](Range range) { return std::to_string(range.begin) + " … " + std::to_string(range.end); };
    return std::to_string(order.halved_points) + " × " + std::to_string(order.full_points) + " points, inside " +
           text(halved) + " × " + text(full) + ", " + std::to_string(channels) + " channels, in lines along " +
           cpu::name(unit);
  }
};

/// For every `step`th pair of sizes and every memory layout: a tile of which some points and some lanes are
/// missing, and for one of the ways a whole tile of all lanes.
std::vector<Case> cases(size_t step = 1) {
  std::mt19937 random(41);
  const auto range = [&random](int64_t points) {
    const int64_t first = random() % points, second = random() % points;
    return Range{std::min(first, second), std::max(first, second) + 1};
  };
  std::vector<Case> all;
  for (size_t i = 0; i < tile_sizes().size(); i += step) {
    const auto [halved, full] = tile_sizes()[i];
    const FrequencyOrder order = frequency_order(halved, full);
    all.push_back({order, kUnits[i / step % 3], isa().lanes, {0, halved}, {0, full}});
    for (Unit unit : kUnits) {
      all.push_back({order, unit, 1 + static_cast<int64_t>(random() % isa().lanes), range(halved), range(full)});
    }
  }
  return all;
}

/// visit(channel, a, b) for the points inside.
template <typename Visit>
void for_each_point(const Case& c, Visit visit) {
  for (int64_t channel = 0; channel < c.channels; ++channel) {
    for (int64_t a = c.halved.begin; a < c.halved.end; ++a) {
      for (int64_t b = c.full.begin; b < c.full.end; ++b) visit(channel, a, b);
    }
  }
}

/// A tile of random values around `centre`, with NaN between its lines.
TileMemory random_tile(const Case& c, float centre) {
  TileMemory tile(c.unit, c.channels, c.halved, c.full);
  std::fill(tile.floats.begin(), tile.floats.end(), std::numeric_limits<float>::quiet_NaN());
  const std::vector<float> values = random_values(c.channels * c.halved.size() * c.full.size(), 42);
  size_t next = 0;
  for_each_point(c, [&](int64_t channel, int64_t a, int64_t b) { tile.at(channel, a, b) = centre + values[next++]; });
  return tile;
}

/// The transform's spectrum is that of the tile's values in double, `exact(channel, a, b)`, with zeros around them.
template <typename Exact>
void expect_spectrum(const Case& c, const SpectrumScale& scale, SpectrumMemory& spectrum, Exact exact) {
  std::vector<std::vector<double>> padded(c.channels);
  for (std::vector<double>& values : padded) values.resize(c.order.halved_points * c.order.full_points);
  for_each_point(c, [&](int64_t channel, int64_t a, int64_t b) {
    padded[channel][a * c.order.full_points + b] = exact(channel, a, b);
  });
  std::vector<double> found, wanted;
  found.reserve(2 * c.order.points() * isa().lanes), wanted.reserve(found.capacity());
  int64_t imaginary_reals = 0, filled_lanes = 0;
  for (int64_t lane = 0; lane < isa().lanes; ++lane) {
    NaiveSpectrum naive(c.order.halved_points, c.order.full_points);
    if (lane < c.channels) naive = naive_spectrum(padded[lane], c.order.halved_points, c.order.full_points);
    for (const StoredPoint& stored : stored_points(c.order)) {
      const float real = spectrum.at(stored.point, 0, lane), imaginary = spectrum.at(stored.point, 1, lane);
      imaginary_reals += stored.real && imaginary != 0;
      filled_lanes += lane >= c.channels && (real != 0 || imaginary != 0);
      const std::complex<double> exactly = naive.at(stored.h, stored.f);
      const std::complex<double> value =
          static_cast<double>(scale.scale) * (scale.conjugated ? std::conj(exactly) : exactly);
      found.push_back(real), found.push_back(imaginary);
      wanted.push_back(value.real()), wanted.push_back(value.imag());
    }
  }
  EXPECT_EQ(imaginary_reals, 0) << "frequencies that are their own conjugates, and not real";
  EXPECT_EQ(filled_lanes, 0) << "numbers in lanes without a channel";
  ASSERT_LE(relative_error(found, wanted), kTransformTolerance);
  for (size_t i = 0; i < spectrum.floats.size(); ++i) {
    if (static_cast<int64_t>(i) % spectrum.stride < isa().lanes || spectrum.floats[i] == kUntouched) continue;
    FAIL() << "float " << i << " between the spectrum's vectors is " << spectrum.floats[i];
  }
}

TEST(ForwardTransform, agrees_with_its_definition_for_every_size_layout_and_padding) {
  constexpr float kScale = 0.37f;
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name());
    TileMemory tile = random_tile(c, 0);
    for (bool conjugated : {false, true}) {
      SpectrumMemory spectrum(c.order, 2);
      forward(tile, {}, c.order, {kScale, conjugated}, spectrum);
      expect_spectrum(c, {kScale, conjugated}, spectrum, [&](int64_t channel, int64_t a, int64_t b) {
        return static_cast<double>(tile.at(channel, a, b));
      });
    }
  }
}

TEST(ForwardTransform, normalises_its_input_and_leaves_the_padding_zero) {
  constexpr float kScale = 0.37f, kCentre = 1000;
  for (const Case& c : cases(3)) {
    // Lines along an axis of the plane are parts of one token, so that the other axis is that of the tokens; where
    // channels are adjacent, it may be either.
    for (bool tokens_are_halved : {true, false}) {
      if (c.unit == (tokens_are_halved ? Unit::kHalved : Unit::kFull)) continue;
      SCOPED_TRACE(c.name() + ", tokens along the " + (tokens_are_halved ? "halved" : "full") + " axis");
      TileMemory tile = random_tile(c, kCentre);
      const int64_t tokens = tokens_are_halved ? c.halved.size() : c.full.size();
      std::vector<float> mean_rstd = random_values(3 * tokens, 43);
      for (int64_t token = 0; token < tokens; ++token) {
        float* m = mean_rstd.data() + 3 * token;
        m[0] = kCentre + m[0] * 0.1f, m[1] *= 1e-5f, m[2] = 1 + m[2] * 0.5f;
      }
      // Weight and bias are one token's: as the tile is, but for the tokens' axis.
      const Range one = {0, 1};
      TileMemory weight(c.unit, c.channels, tokens_are_halved ? one : c.halved, tokens_are_halved ? c.full : one);
      const std::vector<float> values = random_values(2 * static_cast<int64_t>(weight.floats.size()), 44);
      TileMemory bias = weight;
      std::copy_n(values.begin(), weight.floats.size(), weight.floats.begin());
      std::copy(values.begin() + weight.floats.size(), values.end(), bias.floats.begin());
      const TileNorm norm = {weight.floats.data(),
                             bias.floats.data(),
                             weight.channel_stride,
                             tokens_are_halved ? 0 : weight.halved_stride,
                             tokens_are_halved ? weight.full_stride : 0,
                             mean_rstd.data(),
                             tokens_are_halved ? 3 : 0,
                             tokens_are_halved ? 0 : 3};
      SpectrumMemory spectrum(c.order, 2);
      forward(tile, norm, c.order, {kScale}, spectrum);
      expect_spectrum(c, {kScale}, spectrum, [&](int64_t channel, int64_t a, int64_t b) {
        const float* m = mean_rstd.data() + 3 * (tokens_are_halved ? a - c.halved.begin : b - c.full.begin);
        const int64_t at_a = tokens_are_halved ? 0 : a, at_b = tokens_are_halved ? b : 0;
        const double centred = static_cast<double>(tile.at(channel, a, b)) - m[0] - m[1];
        return centred * m[2] * weight.at(channel, at_a, at_b) + bias.at(channel, at_a, at_b);
      });
    }
  }
}

/// Products of random sign and size, and the tiles that they are the spectra of.
struct Products {
  SpectrumMemory spectrum;
  std::vector<std::vector<double>> tiles;  ///< of each channel

  explicit Products(const Case& c) : spectrum(c.order, 3) {
    // A sum of some thousand random numbers below this is about 1.
    constexpr float kSize = 0x1p-6f;
    const std::vector<float> values = random_values(3 * c.order.points() * isa().lanes, 45);
    size_t next = 0;
    std::vector<NaiveSpectrum> naive(c.channels, {c.order.halved_points, c.order.full_points});
    for (const StoredPoint& stored : stored_points(c.order)) {
      for (int64_t lane = 0; lane < isa().lanes; ++lane) {
        // A real frequency's factors have no imaginary part.
        const float p1 = kSize * values[next++], p2 = stored.real ? 0 : kSize * values[next++];
        const float p3 = stored.real ? p1 : kSize * values[next++];
        spectrum.at(stored.point, 0, lane) = p1;
        spectrum.at(stored.point, 1, lane) = p2;
        spectrum.at(stored.point, 2, lane) = p3;
        if (lane >= c.channels) continue;
        const std::complex<double> value = {static_cast<double>(p1) - p2, static_cast<double>(p3) - p1 - p2};
        naive[lane].set(stored.h, stored.f, value);
        const bool own_mirror = stored.h == 0 || 2 * stored.h == c.order.halved_points;
        if (own_mirror && !stored.real) naive[lane].set(stored.h, c.order.full_points - stored.f, std::conj(value));
      }
    }
    for (const NaiveSpectrum& of_channel : naive) tiles.push_back(naive_tile(of_channel));
  }
};

/// The tile has the values `exact(channel, a, b, c)` of its point, c being the convolution's result there, and nothing
/// between its lines.
template <typename Exact>
void expect_tile(const Case& c, const Products& products, TileMemory tile, Exact exact) {
  std::vector<double> found, wanted;
  for_each_point(c, [&](int64_t channel, int64_t a, int64_t b) {
    found.push_back(tile.at(channel, a, b));
    wanted.push_back(exact(channel, a, b, products.tiles[channel][a * c.order.full_points + b]));
    tile.at(channel, a, b) = kUntouched;
  });
  ASSERT_LE(relative_error(found, wanted), kTransformTolerance);
  const auto touched = std::count_if(tile.floats.begin(), tile.floats.end(), [](float f) { return f != kUntouched; });
  EXPECT_EQ(touched, 0) << "floats between the tile's lines";
}

TEST(InverseTransform, agrees_with_its_definition_for_every_size_and_writes_nothing_else) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name());
    const Products products(c);
    TileMemory tile(c.unit, c.channels, c.halved, c.full);
    inverse(products.spectrum, c.order, tile, {});
    expect_tile(c, products, tile, [](int64_t, int64_t, int64_t, double result) { return result; });
  }
}

TEST(InverseTransform, adds_a_bias_per_channel_and_an_addend) {
  for (const Case& c : cases(3)) {
    SCOPED_TRACE(c.name());
    const Products products(c);
    const std::vector<float> bias = random_values(c.channels, 46);
    TileMemory addend = random_tile(c, 0);
    for (bool with_addend : {true, false}) {
      TileMemory tile(c.unit, c.channels, c.halved, c.full);
      inverse(products.spectrum, c.order, tile,
              {kDndTokenBias, with_addend ? addend.floats.data() : nullptr, bias.data(), 0, 0});
      expect_tile(c, products, tile, [&](int64_t channel, int64_t a, int64_t b, double result) {
        return result + bias[channel] + (with_addend ? addend.at(channel, a, b) : 0);
      });
    }
  }
}

TEST(InverseTransform, merges_both_paths_if_channels_are_adjacent) {
  for (const Case& c : cases(3)) {
    if (c.unit != Unit::kChannel) continue;
    SCOPED_TRACE(c.name());
    const Products products(c);
    TileMemory addend = random_tile(c, 0);
    for (bool tokens_are_halved : {true, false}) {
      const Range one = {0, 1};
      TileMemory bias(c.unit, c.channels, tokens_are_halved ? one : c.halved, tokens_are_halved ? c.full : one);
      bias.floats = random_values(static_cast<int64_t>(bias.floats.size()), 47);
      TileMemory tile(c.unit, c.channels, c.halved, c.full);
      inverse(products.spectrum, c.order, tile,
              {kDndMergePaths, addend.floats.data(), bias.floats.data(), tokens_are_halved ? 0 : bias.halved_stride,
               tokens_are_halved ? bias.full_stride : 0});
      expect_tile(c, products, tile, [&](int64_t channel, int64_t a, int64_t b, double result) {
        const float there = bias.at(channel, tokens_are_halved ? 0 : a, tokens_are_halved ? b : 0);
        return (addend.at(channel, a, b) + std::tanh(result) + there) / 3;
      });
    }
  }
}

}  // namespace
}  // namespace dnd::cpu
