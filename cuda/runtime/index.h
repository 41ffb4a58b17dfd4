#pragma once

namespace dnd::cuda {

/// A thread's index in its block, a block in its grid, and how large those are.
struct Index3 {
  unsigned x = 1, y = 1, z = 1;
};

}  // namespace dnd::cuda
