#pragma once

namespace dnd::cuda {

/// Where a thread lies in its block, a block in its grid, and how large those are.
struct Index3 {
  unsigned x = 1, y = 1, z = 1;
};

}  // namespace dnd::cuda
