#pragma once

#include <cstdint>

#include "cpu/isa/kernels.h"
#include "plan/geometry.h"

namespace dnd::cpu {

/// Which axis of an output tile is across the lanes of a vector; the other is the tile's rows.
enum class AcrossLanes { kOutChannels, kColumns };

/// How the direct convolution is cut: pure numbers, no work. What an element of the result is summed from, and in which
/// order, depends on the geometry and the instruction set alone; the number of threads only decides who does what.
///
/// Columns are cut into strips; a strip of one row of one task is a *unit*. Input channels are cut into blocks, so that
/// the taps of one kernel column and the channels of a block make one chain of at most kChain products. Output channels
/// are cut into blocks of one tile's breadth. A task of the thread pool is one block of output channels for one group
/// of units.
struct DirectPlan {
  static constexpr int64_t kChain = 256;

  Geometry geometry;  ///< padding taps are skipped along rows: these may be the columns of the one given
  AcrossLanes across;
  bool transposed_weight = false;  ///< as of DndConvolution

  int64_t strips;         ///< of the columns
  int64_t strip_columns;  ///< columns of a strip; the last may have fewer
  int64_t pitch;          ///< floats of a packed row of a strip: its columns, the halo on both sides, padding
  int64_t channel_blocks;
  int64_t block_channels;  ///< of the longest block
  int64_t out_blocks;
  int64_t block_outs;   ///< output channels of a block; the last may have fewer
  int64_t out_width;    ///< output channels that a packed tap has space for
  int64_t unit_floats;  ///< of a unit's sums

  int64_t batch_at_once;  ///< tasks whose planes are packed at the same time
  int64_t groups;         ///< of the units of batch_at_once tasks
  int64_t group_units;    ///< of the largest group

  int64_t units(int64_t batch) const { return batch * strips * geometry.rows; }
  int64_t plane_floats() const { return strips * geometry.channels * geometry.rows * pitch; }  ///< of one task
  int64_t weight_floats() const { return geometry.kernel * geometry.kernel * block_channels * out_width; }
  int64_t thread_floats() const { return weight_floats() + group_units * unit_floats; }
  int64_t workspace_floats(int threads) const { return batch_at_once * plane_floats() + threads * thread_floats(); }
};

/// Within `limit` floats of workspace if that is possible, else with as few as there can be.
DirectPlan plan_direct(const Geometry& geometry, const Kernels& kernels, int threads, int64_t limit = INT64_MAX);

}  // namespace dnd::cpu
