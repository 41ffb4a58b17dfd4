#include "cpu/spectral/task_cut.h"

#include <algorithm>
#include <functional>
#include <vector>

namespace dnd::cpu {
namespace {

/// Reading a tile's spectra for a task costs about as much as this share of a vector's product.
constexpr double kReadingShare = 0.25;
constexpr int64_t kMostPartsPerThread = 4;

/// When tasks are handed out in order to whichever thread is free: the time at which the last one ends.
double end_of(const std::vector<double>& tasks, std::vector<double>& free_at) {
  std::fill(free_at.begin(), free_at.end(), 0.0);  // a heap, the thread that is free first on top
  double last = 0;
  for (double task : tasks) {
    std::pop_heap(free_at.begin(), free_at.end(), std::greater());
    free_at.back() += task;
    last = std::max(last, free_at.back());
    std::push_heap(free_at.begin(), free_at.end(), std::greater());
  }
  return last;
}

}  // namespace

TaskCut cut_tasks(const ConvolutionShape& shape, const SpectralPlan& plan, const InstructionSetRates& rates,
                  int64_t chunk_tiles, int threads) {
  const SpectralCost cost = spectral_cost(shape, plan, rates);
  const int64_t vectors = divide_up(shape.out_channels, rates.lanes);
  const int64_t tiles = shape.batch * plan.plane_tiles();
  const double weights = cost.weights / static_cast<double>(vectors * divide_up(tiles, plan.chunk_tiles));
  const double product = (cost.product + cost.inverse) / static_cast<double>(vectors * tiles);

  const int64_t block_vectors = std::max<int64_t>(1, plan.block_outs / rates.lanes);
  const int64_t fewest_blocks = divide_up(vectors, block_vectors);
  const int64_t most_blocks = std::min(vectors, std::max<int64_t>(fewest_blocks, 2 * fewest_blocks + 2));
  const int64_t most_parts = std::min<int64_t>(chunk_tiles, kMostPartsPerThread * threads);
  TaskCut best = {fewest_blocks, 1};
  double best_end = 0;
  std::vector<double> tasks, free_at(threads);
  for (int64_t blocks = fewest_blocks; blocks <= most_blocks; ++blocks) {
    for (int64_t parts = 1; parts <= most_parts; ++parts) {
      if (parts > 1 && blocks * parts > 8 * threads) break;
      tasks.clear();
      for (int64_t task = 0; task < blocks * parts; ++task) {
        const int64_t block = task % blocks, part = task / blocks;
        const auto size =
            static_cast<double>(part_begin(vectors, blocks, block + 1) - part_begin(vectors, blocks, block));
        const auto of_tiles =
            static_cast<double>(part_begin(chunk_tiles, parts, part + 1) - part_begin(chunk_tiles, parts, part));
        tasks.push_back(size * weights + (size + kReadingShare) * of_tiles * product);
      }
      const double end = end_of(tasks, free_at);
      if (best_end == 0 || end < best_end) {
        best = {blocks, parts};
        best_end = end;
      }
    }
  }
  return best;
}

}  // namespace dnd::cpu
