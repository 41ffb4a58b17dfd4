#include "cuda/kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <set>
#include <vector>

#include "cuda/kernels/attention_tile.h"
#include "test/cuda/device_buffer.h"

namespace dnd::cuda {
namespace {

using test::DeviceBuffer;
using test::random_values;
using test::relative_error;
using test::same_for_every_order;
using test::TestStream;

constexpr double kMixedTolerance = 1e-3, kFloatTolerance = 2e-6;

struct Problem {
  int64_t heads, head_width;
  std::vector<int64_t> lengths;
  std::vector<float> qkv;
  std::vector<int32_t> mask;

  Problem(int64_t heads, int64_t head_width, std::vector<int64_t> lengths, float spread = 2.0f)
      : heads(heads), head_width(head_width), lengths(std::move(lengths)) {
    qkv = random_values(rows() * 3 * heads * head_width, static_cast<uint32_t>(head_width));
    for (float& value : qkv) value *= spread;
    mask.assign(rows(), 1);
  }
  std::vector<int64_t> offsets() const {
    std::vector<int64_t> result = {0};
    for (const int64_t length : lengths) result.push_back(result.back() + length);
    return result;
  }
  int64_t rows() const { return offsets().back(); }
  int64_t width() const { return heads * head_width; }
  double at(int64_t row, int64_t part, int64_t head, int64_t i) const {
    return qkv[((row * 3 + part) * heads + head) * head_width + i];
  }
};

std::vector<double> reference(const Problem& problem) {
  std::vector<double> y(problem.rows() * problem.width());
  const std::vector<int64_t> offsets = problem.offsets();
  for (size_t sequence = 0; sequence + 1 < offsets.size(); ++sequence) {
    const int64_t begin = offsets[sequence], length = offsets[sequence + 1] - begin;
    for (int64_t head = 0; head < problem.heads; ++head) {
      for (int64_t query = 0; query < length; ++query) {
        std::vector<double> weights(length);
        double sum = 0;
        for (int64_t key = 0; key < length; ++key) {
          for (int64_t i = 0; i < problem.head_width; ++i) {
            weights[key] += problem.at(begin + query, 0, head, i) * problem.at(begin + key, 1, head, i);
          }
          weights[key] /= std::sqrt(static_cast<double>(problem.head_width));
          if (problem.mask[begin + key] == 0) weights[key] = std::numeric_limits<float>::lowest();
        }
        const double largest = length == 0 ? 0 : *std::max_element(weights.begin(), weights.end());
        for (double& weight : weights) sum += weight = std::exp(weight - largest);
        for (int64_t i = 0; i < problem.head_width; ++i) {
          double& value = y[(begin + query) * problem.width() + head * problem.head_width + i];
          for (int64_t key = 0; key < length; ++key) value += weights[key] / sum * problem.at(begin + key, 2, head, i);
        }
      }
    }
  }
  return y;
}

template <typename Launch>
std::vector<float> attended_by(const Problem& p, const Launch& attention) {
  const DeviceBuffer<float> qkv(p.qkv), y(p.rows() * p.width());
  const DeviceBuffer<int32_t> mask(p.mask);
  const DeviceBuffer<int64_t> offsets(p.offsets());
  const TestStream stream;
  attention(stream,
            AttentionArguments{qkv.data(), mask.data(), offsets.data(), static_cast<int64_t>(p.lengths.size()),
                               *std::max_element(p.lengths.begin(), p.lengths.end()), p.heads, p.head_width, y.data()});
  stream.synchronise();
  return y.download();
}

std::vector<float> attended(const Problem& problem, DndPrecision precision) {
  return attended_by(problem, [&](runtime::Stream stream, const AttentionArguments& arguments) {
    launch_attention(stream, precision, arguments);
  });
}

std::vector<float> attended_naively(const Problem& problem) { return attended_by(problem, launch_attention_naive); }

void expect_agreement(const Problem& problem) {
  const std::vector<double> expected = reference(problem);
  EXPECT_LE(relative_error(attended(problem, kDndMixed), expected), kMixedTolerance)
      << problem.heads << " heads of " << problem.head_width;
  EXPECT_LE(relative_error(attended(problem, kDndFloat32), expected), kFloatTolerance)
      << problem.heads << " heads of " << problem.head_width;
}

TEST(CudaAttention, AgreesWithDoubleForAnyHeadsWidthsAndLengths) {
  for (const Problem& problem :
       {Problem(1, 1, {1}), Problem(3, 7, {17, 1, 0, 5}), Problem(2, 8, {64, 65}), Problem(2, 32, {1, 17, 64, 65, 130}),
        Problem(1, 36, {130, 3}), Problem(2, 64, {65, 17}), Problem(1, 66, {66}), Problem(1, 128, {70})}) {
    expect_agreement(problem);
  }
}

TEST(CudaAttention, OfHeadsThatAreTooWideForTheMatrixUnitsIsOfFloats) {
  const Problem problem(2, 150, {70, 3});
  EXPECT_LE(relative_error(attended(problem, kDndMixed), reference(problem)), kFloatTolerance);
}

TEST(CudaAttention, LeavesPaddingKeysOutWhereverTheyAre) {
  Problem problem(2, 32, {17, 140, 65, 1, 70});
  std::mt19937 random(9);
  for (int32_t& real : problem.mask) real = static_cast<int32_t>(random() % 2);
  for (int64_t row = 17; row < 17 + 70; ++row) problem.mask[row] = 0;                  // the whole first tile of keys
  for (int64_t row = 223; row < problem.rows(); ++row) problem.mask[row] = row < 230;  // the last keys
  expect_agreement(problem);
}

TEST(CudaAttention, OfASequenceWithoutAnyRealTokenIsUniform) {
  Problem problem(2, 36, {100, 17});
  for (int64_t row = 0; row < 100; ++row) problem.mask[row] = 0;
  const std::vector<float> y = attended(problem, kDndFloat32);
  for (int64_t i = 0; i < problem.width(); ++i) {
    double mean = 0;
    for (int64_t row = 0; row < 100; ++row) mean += problem.at(row, 2, 0, i) / 100;
    for (const int64_t row : {0, 63, 64, 99}) EXPECT_NEAR(y[row * problem.width() + i], mean, 1e-6);
  }
  expect_agreement(problem);
}

TEST(CudaAttention, SurvivesScoresThatWouldOverflowAnExponential) {
  Problem problem(1, 32, {80}, 1.0f);
  for (int64_t row = 0; row < 80; ++row) {
    for (int64_t i = 0; i < 64; ++i) problem.qkv[row * 96 + i] *= 64;  // scores to ±1e4
  }
  EXPECT_LE(relative_error(attended(problem, kDndFloat32), reference(problem)), 1e-4);
  const std::vector<float> mixed = attended(problem, kDndMixed);
  EXPECT_TRUE(std::all_of(mixed.begin(), mixed.end(), [](float value) { return std::abs(value) <= 1; }));
}

TEST(CudaAttention, OfASequenceDoesNotDependOnTheOthers) {
  const Problem both(2, 32, {90, 70});
  Problem second(2, 32, {70});
  second.qkv.assign(both.qkv.end() - 70 * 192, both.qkv.end());
  for (const DndPrecision precision : {kDndMixed, kDndFloat32}) {
    const std::vector<float> y = attended(both, precision);
    EXPECT_EQ(attended(second, precision), std::vector<float>(y.end() - 70 * 64, y.end()));
  }
}

TEST(CudaAttention, IsWhatTheNaiveKernelComputes) {
  for (const int64_t head_width : {20, 30, 50}) {
    Problem problem(3, head_width, {33, 70});
    for (int64_t row = 40; row < 60; ++row) problem.mask[row] = 0;
    const std::vector<float> naive = attended_naively(problem);
    EXPECT_LE(relative_error(attended(problem, kDndMixed), naive), kMixedTolerance) << head_width;
    EXPECT_LE(relative_error(attended(problem, kDndFloat32), naive), kFloatTolerance) << head_width;
  }
}

TEST(CudaAttention, GivesTheSameBytesInAnyOrder) {
  for (const DndPrecision precision : {kDndMixed, kDndFloat32}) {
    for (const int64_t head_width : {32, 64}) {
      const Problem problem(1, head_width, {130, 20});
      same_for_every_order([&] { return attended(problem, precision); });
    }
  }
}

TEST(AttentionTile, HasAPlaceForEveryPiece) {
  for (const unsigned width : {16u, 32u, 64u, 128u}) {
    std::set<unsigned> places;
    for (unsigned row = 0; row < 64; ++row) {
      for (unsigned piece = 0; piece < width / 8; ++piece) places.insert(attention_piece(width, row, piece));
    }
    EXPECT_EQ(places.size(), static_cast<size_t>(64 * width / 8));
    EXPECT_EQ(*places.begin(), 0u);
    EXPECT_EQ(*places.rbegin(), 64 * width / 8 - 1);
  }
}

TEST(AttentionTile, LetsALanesPlacesFollowFromOne) {
  for (const unsigned width : {16u, 32u, 64u, 128u}) {
    for (unsigned row = 0; row < 64; ++row) {
      for (unsigned piece = 0; piece < width / 8; ++piece) {
        const unsigned first = attention_piece(width, row % 16, piece % 2);
        EXPECT_EQ(attention_piece(width, row, piece), (first ^ (piece / 2 * 2)) + row / 16 * 16 * width / 8);
      }
    }
  }
}

/// Eight accesses of 16 bytes go together: conflict-free where they fall into eight different groups of four banks.
TEST(AttentionTile, LetsNoTwoAccessesThatGoTogetherMeetInABank) {
  for (const unsigned width : {16u, 32u, 64u, 128u}) {
    const unsigned pieces = width / 8;
    for (unsigned first = 0; first < 64; first += 8) {
      for (unsigned piece = 0; piece < pieces; ++piece) {  // a matrix is read: a piece of eight rows
        std::set<unsigned> banks;
        for (unsigned row = first; row < first + 8; ++row) banks.insert(attention_piece(width, row, piece) % 8);
        EXPECT_EQ(banks.size(), 8u);
      }
    }
    for (unsigned first = 0; first < 64 * pieces; first += 8) {  // a tile is written: pieces side by side
      std::set<unsigned> banks;
      for (unsigned i = first; i < first + 8; ++i) banks.insert(attention_piece(width, i / pieces, i % pieces) % 8);
      EXPECT_EQ(banks.size(), 8u);
    }
  }
}

}  // namespace
}  // namespace dnd::cuda
