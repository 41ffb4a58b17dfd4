#include <algorithm>

#include "cpu/isa/training_kernels.h"
#include "cpu/layers/parallel_elementwise.h"
#include "cpu/training/operations.h"

namespace dnd::cpu {

void add_noise(ThreadPool& pool, const Control& control, const DndNoise& noise, int64_t elements, float* x) {
  constexpr int64_t kBlocks = 32 * kNormalBlocks;  ///< made at a time: they stay in the first-level cache
  constexpr int64_t kChunksPerTask = 8;
  const TrainingKernels& isa = training_kernels();
  const uint32_t key[] = {static_cast<uint32_t>(noise.key), static_cast<uint32_t>(noise.key >> 32)};
  const uint32_t stream[] = {static_cast<uint32_t>(noise.stream), static_cast<uint32_t>(noise.stream >> 32)};
  const int64_t chunks = divide_up(elements, 4 * kBlocks);
  pool.parallel_for(divide_up(chunks, kChunksPerTask), [&](int64_t task, int) {
    control.throw_if_cancelled();
    float normals[4 * kBlocks];
    for (int64_t chunk = task * kChunksPerTask; chunk < std::min(chunks, (task + 1) * kChunksPerTask); ++chunk) {
      const int64_t begin = chunk * 4 * kBlocks, count = std::min(4 * kBlocks, elements - begin);
      isa.normals(static_cast<uint64_t>(begin) / 4, divide_up(count, 4), key, stream, normals);
      for (int64_t i = 0; i < count; ++i) x[begin + i] += noise.sigma * normals[i];
    }
  });
}

}  // namespace dnd::cpu
