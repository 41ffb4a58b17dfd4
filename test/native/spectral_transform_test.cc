#include <gtest/gtest.h>

#include <algorithm>
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
#include "random_values.h"

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

const SpectralKernels& isa() { return spectral_kernels(kernels().name); }

constexpr float kUntouched = 1234.5f;
constexpr int64_t kGap = 3;  ///< floats between lines of memory that nobody may touch

/// Which axis of a tile lies side by side in memory.
enum class Unit { kChannel, kHalved, kFull };
constexpr Unit kUnits[] = {Unit::kChannel, Unit::kHalved, Unit::kFull};
const char* name(Unit unit) {
  return unit == Unit::kChannel ? "channels" : unit == Unit::kHalved ? "the halved axis" : "the full axis";
}

struct Range {
  int64_t begin, end;
  int64_t size() const { return end - begin; }
};

/// The points of a tile that are in memory, and how they lie there: lines along one axis with gaps between them. The
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
  int64_t stride = isa().lanes + 16;  // vectors stay aligned as in a workspace
  std::vector<float> floats;

  explicit SpectrumMemory(const FrequencyOrder& order)
      : floats((3 * order.points() - 1) * stride + isa().lanes, kUntouched) {}
  float& at(int64_t point, int64_t component, int64_t lane) { return floats[(3 * point + component) * stride + lane]; }
};

/// Scratch memory that ends where the kernel said, with nothing in it to rely on.
Memory scratch_for(const FrequencyOrder& order) {
  Memory scratch(isa().tile_scratch(order) * sizeof(float));
  std::memset(scratch.data(), 0xff, scratch.bytes());
  return scratch;
}

void forward(TileMemory& tile, const FrequencyOrder& order, float scale, SpectrumMemory& spectrum) {
  const Memory scratch = scratch_for(order);
  isa().forward(tile.view<const float>(), {}, order, scale, {spectrum.floats.data(), spectrum.stride},
                scratch.floats());
}

void inverse(const SpectrumMemory& spectrum, const FrequencyOrder& order, TileMemory& tile) {
  const Memory scratch = scratch_for(order);
  isa().inverse({spectrum.floats.data(), spectrum.stride}, order, tile.view<float>(), {}, scratch.floats());
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

/// For every size and way to lie in memory: a whole tile of all lanes, and one of which some points and some lanes are
/// missing.
std::vector<Case> cases() {
  std::mt19937 random(41);
  const auto range = [&random](int64_t points) {
    const int64_t first = random() % points, second = random() % points;
    return Range{std::min(first, second), std::max(first, second) + 1};
  };
  std::vector<Case> all;
  for (const auto& [halved, full] : tile_sizes()) {
    const FrequencyOrder order = frequency_order(halved, full);
    for (Unit unit : kUnits) {
      all.push_back({order, unit, isa().lanes, {0, halved}, {0, full}});
      all.push_back({order, unit, 1 + static_cast<int64_t>(random() % isa().lanes), range(halved), range(full)});
    }
  }
  return all;
}

TEST(FrequencyOrder, stores_every_frequency_of_half_the_plane_once) {
  for (int64_t halved : kTransformSizes) {
    for (int64_t full : kTransformSizes) {
      const FrequencyOrder order = frequency_order(halved, full);
      EXPECT_EQ(order.columns(), halved / 2);
      EXPECT_EQ(order.points(), full * (halved / 2) + 2);
      std::vector<int> times(order.points());
      for (const StoredPoint& stored : stored_points(order)) {
        ASSERT_TRUE(stored.point >= 0 && stored.point < order.points()) << halved << " × " << full;
        ++times[stored.point];
      }
      for (int count : times) ASSERT_EQ(count, 1) << halved << " × " << full;
    }
  }
}

TEST(FrequencyOrder, keeps_the_frequencies_of_a_step_together) {
  for (int64_t full : kTransformSizes) {
    const FrequencyOrder order = frequency_order(8, full);
    int64_t general_begin = 0, symmetric_begin = 0;
    for (int64_t step = 0; 4 * step <= full; ++step) {
      const int64_t general_end = general_begin + points_of_steps(full, false, step, step + 1);
      const int64_t symmetric_end = symmetric_begin + points_of_steps(full, true, step, step + 1);
      for (int64_t f : {step, full - step, full / 2 - step, full / 2 + step}) {
        const int64_t place = order.general[f % full];
        EXPECT_TRUE(place >= general_begin && place < general_end) << full << " points, step " << step << ", " << f;
      }
      for (int64_t f : {step, full / 2 - step}) {
        for (int64_t place : {order.zero[f], order.nyquist[f]}) {
          EXPECT_TRUE(place >= symmetric_begin && place < symmetric_end) << full << " points, step " << step;
        }
      }
      general_begin = general_end, symmetric_begin = symmetric_end;
    }
    EXPECT_EQ(general_begin, full);
    EXPECT_EQ(symmetric_begin, full + 2);
    EXPECT_EQ(points_of_steps(full, false, 0, full / 4 + 1), full);
    EXPECT_EQ(points_of_steps(full, true, 0, full / 4 + 1), full + 2);
  }
}

TEST(ForwardTransform, agrees_with_its_definition_for_every_size_however_tiles_lie_and_whatever_is_padding) {
  constexpr float kScale = 0.37f;
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name());
    TileMemory tile(c.unit, c.channels, c.halved, c.full);
    const std::vector<float> values = random_values(c.channels * c.halved.size() * c.full.size(), 42);
    std::fill(tile.floats.begin(), tile.floats.end(), std::numeric_limits<float>::quiet_NaN());
    size_t next = 0;
    std::vector<std::vector<double>> padded;
    for (int64_t channel = 0; channel < c.channels; ++channel) {
      padded.emplace_back(c.order.halved_points * c.order.full_points);
      for (int64_t a = c.halved.begin; a < c.halved.end; ++a) {
        for (int64_t b = c.full.begin; b < c.full.end; ++b) {
          tile.at(channel, a, b) = values[next];
          padded.back()[a * c.order.full_points + b] = values[next++];
        }
      }
    }
    SpectrumMemory spectrum(c.order);
    forward(tile, c.order, kScale, spectrum);

    std::vector<double> found, wanted;
    for (int64_t lane = 0; lane < isa().lanes; ++lane) {
      NaiveSpectrum naive(c.order.halved_points, c.order.full_points);
      if (lane < c.channels) naive = naive_spectrum(padded[lane], c.order.halved_points, c.order.full_points);
      for (const StoredPoint& stored : stored_points(c.order)) {
        const float real = spectrum.at(stored.point, 0, lane), imaginary = spectrum.at(stored.point, 1, lane);
        ASSERT_EQ(spectrum.at(stored.point, 2, lane), real + imaginary);
        ASSERT_TRUE(imaginary == 0 || !stored.real);
        ASSERT_TRUE((real == 0 && imaginary == 0) || lane < c.channels) << "a lane without a channel";
        const std::complex<double> exact = static_cast<double>(kScale) * naive.at(stored.h, stored.f);
        found.insert(found.end(), {real, imaginary});
        wanted.insert(wanted.end(), {exact.real(), exact.imag()});
      }
    }
    ASSERT_LE(relative_error(found, wanted), kTransformTolerance);
    for (size_t i = 0; i < spectrum.floats.size(); ++i) {
      if (static_cast<int64_t>(i) % spectrum.stride < isa().lanes) continue;
      ASSERT_EQ(spectrum.floats[i], kUntouched) << "between the spectrum's vectors";
    }
  }
}

TEST(InverseTransform, agrees_with_its_definition_for_every_size_and_writes_what_is_wanted_and_nothing_else) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name());
    // Products of random sign and size, and what their complex values are: p1 − p2 and p3 − p1 − p2. A real frequency's
    // factors have no imaginary part.
    SpectrumMemory products(c.order);
    const std::vector<float> values = random_values(3 * c.order.points() * isa().lanes, 43);
    size_t next = 0;
    std::vector<NaiveSpectrum> naive(isa().lanes, {c.order.halved_points, c.order.full_points});
    for (const StoredPoint& stored : stored_points(c.order)) {
      for (int64_t lane = 0; lane < isa().lanes; ++lane) {
        const float p1 = values[next++], p2 = stored.real ? 0 : values[next++], p3 = stored.real ? p1 : values[next++];
        products.at(stored.point, 0, lane) = p1;
        products.at(stored.point, 1, lane) = p2;
        products.at(stored.point, 2, lane) = p3;
        const std::complex<double> value = {static_cast<double>(p1) - p2, static_cast<double>(p3) - p1 - p2};
        naive[lane].at(stored.h, stored.f) = value;
        const bool own_mirror = stored.h == 0 || 2 * stored.h == c.order.halved_points;
        if (own_mirror && !stored.real) naive[lane].at(stored.h, c.order.full_points - stored.f) = std::conj(value);
      }
    }
    TileMemory tile(c.unit, c.channels, c.halved, c.full);
    inverse(products, c.order, tile);

    std::vector<double> found, wanted;
    for (int64_t channel = 0; channel < c.channels; ++channel) {
      const std::vector<double> exact = naive_tile(naive[channel]);
      for (int64_t a = c.halved.begin; a < c.halved.end; ++a) {
        for (int64_t b = c.full.begin; b < c.full.end; ++b) {
          found.push_back(tile.at(channel, a, b));
          wanted.push_back(exact[a * c.order.full_points + b]);
          tile.at(channel, a, b) = kUntouched;
        }
      }
    }
    ASSERT_LE(relative_error(found, wanted), kTransformTolerance);
    for (float value : tile.floats) ASSERT_EQ(value, kUntouched) << "between the tile's lines";
  }
}

}  // namespace
}  // namespace dnd::cpu
