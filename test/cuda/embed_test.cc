#include "cuda/kernels/embed.h"

#include <vector>

#include "test/cuda/device_buffer.h"

namespace dnd::cuda {
namespace {

using test::DeviceBuffer;
using test::random_values;
using test::TestStream;

struct Problem {
  int64_t columns;
  std::vector<int32_t> ids = {4, 0, 0, 16, 9, 2, 15, 16, 3, 1, 7}, positions = {0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 6};
  std::vector<float> word = random_values(17 * columns, 1), position = random_values(7 * columns, 2),
                     type = random_values(2 * columns, 3);
};

std::vector<float> embedded(const Problem& p, void (*embed)(runtime::Stream, const EmbedArguments&)) {
  const DeviceBuffer<int32_t> ids(p.ids), positions(p.positions);
  const DeviceBuffer<float> word(p.word), position(p.position), type(p.type), y(p.ids.size() * p.columns);
  const TestStream stream;
  embed(stream, {ids.data(), positions.data(), static_cast<int64_t>(p.ids.size()), word.data(), position.data(),
                 type.data(), p.columns, y.data()});
  stream.synchronise();
  return y.download();
}

TEST(CudaEmbed, AddsTheRowsOfWordPositionAndFirstType) {
  for (const int64_t columns : {1, 6, 32, 130, 384, 1030}) {
    const Problem problem{columns};
    std::vector<float> expected;
    for (size_t row = 0; row < problem.ids.size(); ++row) {
      for (int64_t i = 0; i < columns; ++i) {
        expected.push_back(problem.word[problem.ids[row] * columns + i] +
                           problem.position[problem.positions[row] * columns + i] + problem.type[i]);
      }
    }
    EXPECT_EQ(embedded(problem, launch_embed), expected) << columns << " columns";
    EXPECT_EQ(embedded(problem, launch_embed_naive), expected) << columns << " columns";
  }
}

}  // namespace
}  // namespace dnd::cuda
