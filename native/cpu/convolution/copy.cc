#include "cpu/convolution/copy.h"

#include <algorithm>
#include <utility>

namespace dnd::cpu {

void copy_plane(const Kernels& kernels, const float* from, int64_t from_i, int64_t from_j, float* to, int64_t to_i,
                int64_t to_j, int64_t size_i, int64_t size_j) {
  if (to_j != 1 && to_i == 1) {  // j becomes the axis that is contiguous in the destination
    std::swap(from_i, from_j);
    std::swap(to_i, to_j);
    std::swap(size_i, size_j);
  }
  if (to_j == 1 && from_j == 1) {
    for (int64_t i = 0; i < size_i; ++i) std::copy_n(from + i * from_i, size_j, to + i * to_i);
  } else if (to_j == 1 && from_i == 1) {
    kernels.transpose(from, from_j, size_j, size_i, nullptr, 1.0f, to, to_i, size_j);
  } else {
    for (int64_t i = 0; i < size_i; ++i) {
      for (int64_t j = 0; j < size_j; ++j) to[i * to_i + j * to_j] = from[i * from_i + j * from_j];
    }
  }
}

void add_plane(const float* from, int64_t from_i, int64_t from_j, float* to, int64_t to_i, int64_t to_j, int64_t size_i,
               int64_t size_j) {
  if (from_j != 1 && from_i == 1) {  // j becomes the axis that is contiguous in the source
    std::swap(from_i, from_j);
    std::swap(to_i, to_j);
    std::swap(size_i, size_j);
  }
  for (int64_t i = 0; i < size_i; ++i) {
    for (int64_t j = 0; j < size_j; ++j) to[i * to_i + j * to_j] += from[i * from_i + j * from_j];
  }
}

}  // namespace dnd::cpu
