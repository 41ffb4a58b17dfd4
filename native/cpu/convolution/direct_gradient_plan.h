#pragma once

#include <cstdint>

#include "cpu/isa/kernels.h"
#include "plan/geometry.h"

namespace dnd::cpu {

/// Channels of one side of a direct weight gradient (the input's or the output's), cut into panels as a tile takes
/// them. In a packed plane each panel is on its own, [row][column][width].
struct GradientSide {
  int64_t channels;
  int64_t panels;
  int64_t panel_channels;  ///< of all panels but the last
  int64_t width;           ///< floats of a packed position
};

/// How the direct algorithm sums a weight's gradient: pure numbers, no work. Planes of x and of dy are packed with
/// their channels together; for each tap and each row, a tile of the product channels × positions times positions ×
/// channels is added to the sums of that tap. A task of the thread pool is one tile of channels for one row of taps,
/// over all planes and rows in their order: what an element is summed from, and in which order, depends on the
/// geometry and the instruction set alone.
struct DirectGradientPlan {
  Geometry geometry;  ///< rows and columns may have been exchanged
  bool normalised;    ///< x is normalised before it is packed
  bool outs_across;   ///< output channels are across the lanes of a vector, and input channels are the tile's rows
  GradientSide rows, lanes;
  int64_t strip_columns;   ///< columns that are summed in registers, at most
  int64_t planes_at_once;  ///< packed at the same time

  const GradientSide& ins() const { return outs_across ? rows : lanes; }
  const GradientSide& outs() const { return outs_across ? lanes : rows; }
  int64_t positions() const { return geometry.rows * geometry.columns; }
  int64_t normalised_floats() const;  ///< of a plane
  int64_t packed_floats(const GradientSide& side) const { return side.panels * positions() * side.width; }
  int64_t plane_floats() const { return normalised_floats() + packed_floats(rows) + packed_floats(lanes); }
  int64_t thread_floats() const { return geometry.kernel * rows.panel_channels * lanes.width; }  ///< sums of a task
  int64_t workspace_floats(int threads) const { return planes_at_once * plane_floats() + threads * thread_floats(); }
};

/// Within `limit` floats of workspace if that is possible, else with as few as there can be.
DirectGradientPlan plan_direct_gradient(const Geometry& geometry, bool normalised, const Kernels& kernels, int threads,
                                        int64_t limit = INT64_MAX);

}  // namespace dnd::cpu
