#include "cuda/device/fft.h"

#include <gtest/gtest.h>

#include <complex>
#include <set>
#include <vector>

#include "cuda/kernels/tile_panel.h"
#include "plan/cuda_plan.h"
#include "test/cuda/device_buffer.h"
#include "test/cuda/spectral_cases.h"

namespace dnd::cuda {
namespace {

using test::DeviceBuffer;
using test::random_values;
using test::relative_error;
using test::root;

constexpr int kTransforms = 40;  // of one block, the last warp a part

struct Lines {
  float* numbers;  // [transform][point][re, im]
  bool inverse;
};

template <int kPoints>
__global__ void transform_lines(Lines lines) {
  float* line = lines.numbers + thread_index().x * 2 * kPoints;
  float re[kPoints], im[kPoints];
  for (int i = 0; i < kPoints; ++i) re[i] = line[2 * i], im[i] = line[2 * i + 1];
  if (lines.inverse) {
    fft<kPoints>(im, re);
  } else {
    fft<kPoints>(re, im);
  }
  for (int i = 0; i < kPoints; ++i) line[2 * i] = re[i], line[2 * i + 1] = im[i];
}

template <int kPoints>
void expect_transform() {
  SCOPED_TRACE(testing::Message() << kPoints << " points");
  const std::vector<float> values = random_values(2 * kPoints * kTransforms, 3);
  for (bool inverse : {false, true}) {
    DeviceBuffer<float> device(values);
    test::run_kernel("transform_lines", transform_lines<kPoints>, {1}, kTransforms, 0, Lines{device.data(), inverse});
    std::vector<double> wanted;
    for (int t = 0; t < kTransforms; ++t) {
      for (int f = 0; f < kPoints; ++f) {
        std::complex<double> sum = 0;
        for (int j = 0; j < kPoints; ++j) {
          const float* at = values.data() + 2 * (t * kPoints + j);
          sum += std::complex<double>(at[0], at[1]) * root(inverse ? j * f : -j * f, kPoints);
        }
        wanted.push_back(sum.real()), wanted.push_back(sum.imag());
      }
    }
    EXPECT_LE(relative_error(device.download(), wanted), 2e-7) << (inverse ? "inverse" : "forward");
  }
}

TEST(Fft, agrees_with_its_definition_for_every_size_of_a_tile_and_for_its_parts) {
  expect_transform<2>();
  expect_transform<3>();
  expect_transform<4>();
  expect_transform<5>();
  expect_transform<6>();
  expect_transform<7>();
  expect_transform<8>();
  expect_transform<14>();
  expect_transform<16>();
  expect_transform<24>();
  expect_transform<32>();
}

TEST(TilePanel, has_a_word_of_its_own_for_every_number) {
  for (int64_t full : kCudaTransformSizes) {
    for (int64_t halved : kCudaTransformSizes) {
      const int points_full = static_cast<int>(full), points_halved = static_cast<int>(halved);
      std::set<int> words;
      for (int a = 0; a < points_full; ++a) {
        for (int b = 0; b < points_halved; ++b) {
          for (int c = 0; c < kPanelChannels; ++c) words.insert(panel_word(panel_pitch(points_halved), a, b, c));
        }
      }
      EXPECT_EQ(words.size(), static_cast<size_t>(full * halved * kPanelChannels));
      EXPECT_GE(*words.begin(), 0);
      EXPECT_LT(*words.rbegin(), panel_floats(points_full, points_halved));
    }
  }
}

/// The words' banks differ.
void expect_no_conflict(const std::vector<int>& words) {
  std::set<int> banks;
  for (int word : words) banks.insert(word % 32);
  EXPECT_EQ(banks.size(), words.size());
}

TEST(TilePanel, is_read_and_written_without_bank_conflicts) {
  for (int64_t size : kCudaTransformSizes) {
    const int points = static_cast<int>(size), pitch = panel_pitch(points);
    for (int at = 0; at < points; ++at) {
      std::vector<int> along_halved, along_full;
      for (int i = 0; i < points; ++i) {
        along_halved.push_back(panel_word(pitch, at, i, at % kPanelChannels));
        along_full.push_back(panel_word(pitch, i, at, at % kPanelChannels));
      }
      expect_no_conflict(along_halved);
      expect_no_conflict(along_full);
    }
    for (int line = 0; line < kPanelChannels && points <= 16; line += 2) {  // lines of a warp's two halves
      for (int at = 0; at < points; ++at) {
        std::vector<int> along_halved, along_full;
        for (int half : {0, 1}) {
          for (int i = 0; i < points; ++i) {
            along_halved.push_back(panel_word(pitch, at, i, walked_channel(line + half)));
            along_full.push_back(panel_word(pitch, i, at, walked_channel(line + half)));
          }
        }
        expect_no_conflict(along_halved);
        expect_no_conflict(along_full);
      }
    }
    for (int index = 0; index + 1 < points / 2; index += 2) {  // what a warp's two halves transform
      for (int at = 0; at < points; ++at) {
        std::vector<int> first, second, real, imaginary;
        for (int half : {0, 1}) {
          for (int c = 0; c < kPanelChannels; ++c) {
            first.push_back(panel_word(pitch, pair_first(index + half), at, c));
            second.push_back(panel_word(pitch, pair_second(index + half), at, c));
            real.push_back(panel_word(pitch, at, index + half, c));
            imaginary.push_back(panel_word(pitch, at, points / 2 + index + half, c));
          }
        }
        for (const std::vector<int>& words : {first, second, real, imaginary}) expect_no_conflict(words);
      }
    }
  }
}

TEST(TilePanel, walks_over_every_channel_once) {
  std::set<int> channels;
  for (int line = 0; line < kPanelChannels; ++line) channels.insert(walked_channel(line));
  EXPECT_EQ(channels.size(), static_cast<size_t>(kPanelChannels));
  EXPECT_EQ(*channels.rbegin(), kPanelChannels - 1);
}

TEST(TilePanel, pairs_every_line_once) {
  std::set<int> lines;
  for (int pair = 0; pair < kLargestCudaTransform / 2; ++pair) {
    EXPECT_EQ(pair_first(pair) / 2, pair);
    EXPECT_EQ(pair_second(pair) / 2, pair);
    lines.insert(pair_first(pair)), lines.insert(pair_second(pair));
  }
  EXPECT_EQ(lines.size(), static_cast<size_t>(kLargestCudaTransform));
}

}  // namespace
}  // namespace dnd::cuda
