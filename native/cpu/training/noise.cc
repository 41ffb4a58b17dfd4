#include <array>

#include "core/distributions.h"
#include "core/philox.h"
#include "cpu/pieces.h"
#include "cpu/training/operations.h"

namespace dnd::cpu {

void add_noise(ThreadPool& pool, const Control& control, const DndNoise& noise, int64_t elements, float* x) {
  const std::array<uint32_t, 2> key = {static_cast<uint32_t>(noise.key), static_cast<uint32_t>(noise.key >> 32)};
  const uint32_t low = static_cast<uint32_t>(noise.stream), high = static_cast<uint32_t>(noise.stream >> 32);
  // Pieces of whole blocks of four numbers.
  for_pieces(pool, control, 1, divide_up(elements, 4), [&](int64_t, int64_t begin, int64_t count) {
    for (int64_t block = begin; block < begin + count; ++block) {
      const auto words = philox(
          {static_cast<uint32_t>(block), static_cast<uint32_t>(static_cast<uint64_t>(block) >> 32), low, high}, key);
      float normal[4];
      normals_from(words[0], words[1], &normal[0], &normal[1]);
      normals_from(words[2], words[3], &normal[2], &normal[3]);
      for (int64_t i = 4 * block; i < std::min(elements, 4 * block + 4); ++i)
        x[i] += noise.sigma * normal[i - 4 * block];
    }
  });
}

}  // namespace dnd::cpu
