#pragma once

#include <cstdint>

#include "plan/spectral_cost.h"

namespace dnd::cpu {

/// How the products of a chunk of tiles are cut into tasks: blocks of vectors of output channels, parts of the tiles.
struct TaskCut {
  int64_t blocks;
  int64_t parts;
};

/// The cut that lets `threads` threads end together soonest, by the plan's predictions: every part of the tiles
/// transforms the weights again, and every block reads the tile spectra again, so more tasks are more work, but few
/// tasks leave threads without any. Blocks have plan.block_outs output channels at most. Results do not depend on it.
TaskCut cut_tasks(const ConvolutionShape& shape, const SpectralPlan& plan, const InstructionSetRates& rates,
                  int64_t chunk_tiles, int threads);

}  // namespace dnd::cpu
