#include "cuda/kernels/restore.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/integers.h"
#include "cuda/kernels/restore_tile.h"
#include "test/cuda/device_buffer.h"

namespace dnd::cuda {
namespace {

using test::DeviceBuffer;
using test::random_values;
using test::same_for_every_order;
using test::TestStream;

struct Tensor {
  int64_t length;
  bool transposed;
};

/// Tokens as a decoder makes them: margins that do not agree, NaN where nothing belongs.
struct Problem {
  int64_t batch, rank, chunk;
  std::vector<DndAdapterTensor> tensors;
  int64_t token_count = 0, elements = 0;
  int64_t height = round_up(rank + 2, 2), width = round_up(chunk + 2, 2);
  std::vector<float> tokens;

  Problem(int64_t batch, int64_t rank, int64_t chunk, const std::vector<Tensor>& of)
      : batch(batch), rank(rank), chunk(chunk) {
    for (const Tensor& tensor : of) {
      const int64_t tokens = divide_up(tensor.length, chunk);
      tensors.push_back({token_count, tokens, tensor.length, tensor.transposed, elements});
      token_count += tokens;
      elements += rank * tensor.length;
    }
    tokens = random_values(batch * token_count * height * width, 1);
    for (int64_t i = 0; i < batch * token_count; ++i) {
      for (int64_t row = 0; row < height - 2; ++row) {
        for (int64_t column = 0; column < width - 2; ++column) {
          const bool inside = row < rank && column < columns_of(i % token_count);
          if (!inside) tokens[(i * height + row) * width + column] = std::numeric_limits<float>::quiet_NaN();
        }
      }
    }
  }

  const DndAdapterTensor& tensor_of(int64_t token) const {
    return *std::find_if(tensors.begin(), tensors.end(),
                         [&](const DndAdapterTensor& t) { return token < t.first_token + t.tokens; });
  }
  int64_t columns_of(int64_t token) const {
    const DndAdapterTensor& tensor = tensor_of(token);
    return std::min(chunk, tensor.length - (token - tensor.first_token) * chunk);
  }
};

/// readMargins and readToken of src/adapter/token.ts.
std::vector<double> reference(const Problem& p) {
  std::vector<double> adapters(p.batch * p.elements, NAN);
  for (int64_t i = 0; i < p.batch * p.token_count; ++i) {
    const float* token = p.tokens.data() + i * p.height * p.width;
    const auto average = [&](int64_t start, int64_t stride, int64_t count) {
      double sum = 0;
      for (int64_t j = 0; j < count; ++j) sum += token[start + j * stride];
      return sum / static_cast<double>(count);
    };
    double mean = 0, deviation = 0;
    for (const int64_t parity : {0, 1}) {
      const int64_t row = (p.height - 2 + parity) * p.width, column = parity * p.width + p.width - 2;
      const double m = (average(row, 2, p.width / 2) + average(column, 2 * p.width, p.height / 2)) / 2;
      const double s = (average(row + 1, 2, p.width / 2) + average(column + 1, 2 * p.width, p.height / 2)) / 2;
      mean += m / 8 / 2;
      deviation += (std::exp(s - 1.6) - 0.1) / 0.9 / 2;
    }
    const DndAdapterTensor& tensor = p.tensor_of(i % p.token_count);
    const int64_t first = (i % p.token_count - tensor.first_token) * p.chunk;
    for (int64_t row = 0; row < p.rank; ++row) {
      for (int64_t column = 0; column < p.columns_of(i % p.token_count); ++column) {
        const int64_t at =
            tensor.transposed != 0 ? (first + column) * p.rank + row : row * tensor.length + first + column;
        adapters[i / p.token_count * p.elements + tensor.offset + at] =
            token[row * p.width + column] * deviation + mean;
      }
    }
  }
  return adapters;
}

std::vector<float> restored(const Problem& p,
                            void (*restore)(runtime::Stream, const RestoreArguments&) = launch_restore) {
  const DeviceBuffer<float> tokens(p.tokens), adapters(p.batch * p.elements);
  const DeviceBuffer<DndAdapterTensor> tensors(p.tensors);
  const TestStream stream;
  restore(stream, {tokens.data(), p.batch, p.token_count, p.height, p.width, p.rank, p.chunk, p.elements,
                   tensors.data(), static_cast<int64_t>(p.tensors.size()), adapters.data()});
  stream.synchronise();
  return adapters.download();
}

const std::vector<Problem> kProblems = {
    {1, 1, 2, {{1, false}, {5, true}}},
    {3, 4, 64, {{130, false}, {130, true}, {64, true}, {3, true}}},
    {2, 8, 128, {{896, false}, {896, true}, {200, true}, {129, false}}},
    {1, 7, 33, {{50, false}, {50, true}}},
    {2, 16, 300, {{301, true}, {700, false}}},
    {1, 33, 150, {{160, true}, {160, false}}},
    {1, 70, 96, {{100, true}}},
};

TEST(CudaRestore, AgreesWithDoubleForBothOrdersAndRaggedChunks) {
  for (const Problem& problem : kProblems) {
    const std::vector<double> expected = reference(problem);
    const std::vector<float> adapters = restored(problem);
    int64_t wrong = 0;
    for (size_t i = 0; i < expected.size(); ++i) {
      wrong += !(std::abs(adapters[i] - expected[i]) <= 1e-7 * std::abs(expected[i]));
    }
    EXPECT_EQ(wrong, 0) << "rank " << problem.rank << ", chunk " << problem.chunk;
  }
}

TEST(CudaRestore, IsWhatTheNaiveKernelComputes) {
  for (const Problem& problem : kProblems) {
    const std::vector<float> naive = restored(problem, launch_restore_naive), adapters = restored(problem);
    int64_t wrong = 0;
    for (size_t i = 0; i < naive.size(); ++i) wrong += !(std::abs(adapters[i] - naive[i]) <= 1e-7 * std::abs(naive[i]));
    EXPECT_EQ(wrong, 0) << "rank " << problem.rank << ", chunk " << problem.chunk;
  }
}

TEST(CudaRestore, OfAnAdapterDoesNotDependOnTheOthers) {
  const Problem all = kProblems[1];
  Problem last(1, 4, 64, {{130, false}, {130, true}, {64, true}, {3, true}});
  last.tokens.assign(all.tokens.end() - static_cast<int64_t>(last.tokens.size()), all.tokens.end());
  const std::vector<float> adapters = restored(all);
  EXPECT_EQ(restored(last), std::vector<float>(adapters.end() - last.elements, adapters.end()));
}

TEST(CudaRestore, GivesTheSameBytesInAnyOrder) {
  for (const int problem : {1, 4}) same_for_every_order([&] { return restored(kProblems[problem]); });
}

TEST(RestoreTile, IsTakenOutWithoutBankConflictsWhereItsRowsDivideAWarp) {
  for (const int64_t rank : {1, 2, 4, 8, 16, 32, 64}) {
    for (const int64_t chunk : {33, 128, 256, 512}) {
      const RestoreTile tile(rank, chunk);
      EXPECT_LE(tile.floats() * sizeof(float), 24u * 1024);
      std::vector<int> banks(32);
      for (int lane = 0; lane < 32; ++lane) ++banks[(lane % tile.rows * tile.pitch() + lane / tile.rows) % 32];
      EXPECT_EQ(*std::max_element(banks.begin(), banks.end()), 1) << "rank " << rank << ", chunk " << chunk;
    }
  }
}

}  // namespace
}  // namespace dnd::cuda
