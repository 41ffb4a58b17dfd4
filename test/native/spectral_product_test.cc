#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "cpu/isa/kernels.h"
#include "cpu/isa/spectral_kernels.h"
#include "random_values.h"
#include "spectral_isa.h"

namespace dnd::cpu {
namespace {

using test::random_values;

constexpr int64_t kMostRows = 60, kMostVectors = 9;
constexpr float kUntouched = 1234.5f;
constexpr int64_t kGap = 5;  ///< floats between rows

/// `count` cached numbers, different for each `start`.
std::vector<float> numbers(int64_t start, int64_t count) {
  static const std::vector<float> all = random_values(1 << 17, 51);
  return {all.begin() + start, all.begin() + start + count};
}

/// y [rows, vectors · lanes] (+)= x [rows, depth] · w [depth, vectors · lanes]
struct Product {
  int64_t rows, depth, vectors;
  std::vector<float> x, w, y;  ///< x and y with gaps behind their rows, w plain

  Product(int64_t rows, int64_t depth, int64_t vectors) : rows(rows), depth(depth), vectors(vectors) {
    const std::vector<float> values = numbers(0, rows * depth), before = numbers(1 << 16, rows * width());
    x.assign((rows - 1) * x_stride() + depth, std::numeric_limits<float>::quiet_NaN());
    for (int64_t i = 0; i < rows * depth; ++i) x[i / depth * x_stride() + i % depth] = values[i];
    w = numbers(1 << 15, depth * width());
    y.assign((rows - 1) * y_stride() + width(), kUntouched);
    for (int64_t i = 0; i < rows * width(); ++i) y[i / width() * y_stride() + i % width()] = before[i];
  }

  int64_t width() const { return vectors * isa().lanes; }
  int64_t x_stride() const { return depth + kGap; }
  int64_t y_stride() const { return width() + kGap; }

  /// w in panels of some vectors, each [depth][vectors of the panel].
  std::vector<float> panels() const {
    std::vector<float> packed;
    const int64_t broadest = isa().panel_vectors * isa().lanes;
    for (int64_t begin = 0; begin < width(); begin += broadest) {
      const int64_t end = std::min(width(), begin + broadest);
      for (int64_t d = 0; d < depth; ++d) {
        packed.insert(packed.end(), w.begin() + d * width() + begin, w.begin() + d * width() + end);
      }
    }
    return packed;
  }

  /// y afterwards, gaps included.
  std::vector<float> multiplied(bool accumulate) const {
    std::vector<float> result = y;
    const std::vector<float> packed = panels();
    const int64_t ahead = rows % 2 * 48 * x_stride();  // may be behind x: it is only prefetched
    isa().product(rows, depth, x.data(), x_stride(), ahead, packed.data(), vectors, result.data(), y_stride(),
                  accumulate);
    return result;
  }

  std::string name() const {
    return std::to_string(rows) + " rows, depth " + std::to_string(depth) + ", " + std::to_string(vectors) + " vectors";
  }
};

void expect_product(const Product& product, bool accumulate) {
  const std::vector<float> found = product.multiplied(accumulate);
  for (int64_t r = 0; r < product.rows; ++r) {
    const float* x = product.x.data() + r * product.x_stride();
    for (int64_t l = 0; l < product.width(); ++l) {
      const double before = accumulate ? product.y[r * product.y_stride() + l] : 0;
      double sum = before, sizes = std::abs(before);
      for (int64_t d = 0; d < product.depth; ++d) {
        const double term = static_cast<double>(x[d]) * product.w[d * product.width() + l];
        sum += term;
        sizes += std::abs(term);
      }
      // Each term is rounded once as a product and in at most depth + 1 sums, by 2^−24 of the sum of magnitudes.
      const double bound = static_cast<double>(product.depth + 2) * 0x1p-24 * sizes;
      const double error = std::abs(found[r * product.y_stride() + l] - sum);
      if (error <= bound) continue;
      FAIL() << product.name() << ", row " << r << ", column " << l << (accumulate ? ", accumulated" : "")
             << ": off by " << error << ", more than " << bound;
    }
  }
  for (size_t i = 0; i < found.size(); ++i) {
    if (static_cast<int64_t>(i) % product.y_stride() < product.width() || found[i] == kUntouched) continue;
    FAIL() << product.name() << ": float " << i << " between the rows of the result is " << found[i];
  }
}

TEST(SpectralProduct, agrees_with_a_product_in_double_for_any_number_of_rows_and_vectors_and_writes_nothing_else) {
  for (int64_t rows = 1; rows <= kMostRows; ++rows) {
    for (int64_t vectors = 1; vectors <= kMostVectors; ++vectors) {
      const int64_t depths[] = {1, 2, 5};
      expect_product(Product(rows, depths[(rows + vectors) % 3], vectors), (rows + vectors) % 2 == 0);
    }
  }
  for (bool accumulate : {false, true}) expect_product(Product(13, 80, 4), accumulate);  // as in plans
}

TEST(SpectralProduct, gives_an_element_the_same_bits_whatever_is_computed_beside_it) {
  const Product all(kMostRows, 23, kMostVectors);
  for (bool accumulate : {false, true}) {
    const std::vector<float> together = all.multiplied(accumulate);
    for (int64_t rows : {1, 2, 3, 5, 7, 11, 13, 23, 29, 59}) {
      for (int64_t vectors = 1; vectors <= kMostVectors; ++vectors) {
        // The last rows and vectors of the large product.
        const int64_t first_row = kMostRows - rows, first = (kMostVectors - vectors) * isa().lanes;
        Product part(rows, all.depth, vectors);
        part.x.assign(all.x.begin() + first_row * all.x_stride(), all.x.end());
        for (int64_t d = 0; d < all.depth; ++d) {
          for (int64_t l = 0; l < part.width(); ++l) part.w[d * part.width() + l] = all.w[d * all.width() + first + l];
        }
        for (int64_t r = 0; r < rows; ++r) {
          for (int64_t l = 0; l < part.width(); ++l) {
            part.y[r * part.y_stride() + l] = all.y[(first_row + r) * all.y_stride() + first + l];
          }
        }
        const std::vector<float> alone = part.multiplied(accumulate);
        for (int64_t r = 0; r < rows; ++r) {
          for (int64_t l = 0; l < part.width(); ++l) {
            ASSERT_EQ(alone[r * part.y_stride() + l], together[(first_row + r) * all.y_stride() + first + l])
                << part.name() << ", row " << r << ", column " << l;
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace dnd::cpu
