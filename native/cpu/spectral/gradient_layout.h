#pragma once

#include <cstdint>

#include "core/range.h"
#include "cpu/isa/spectral_kernels.h"
#include "plan/gradient_plan.h"

namespace dnd::cpu {

/// Division of work of a spectral weight gradient and its layout in the workspace; counted in floats. Depends on the
/// number of threads, the results do not.
///
/// The workspace begins with the spectra of a chunk of tiles: the rows' [slab of rows][point][real, imaginary part]
/// [tile][row], then those of a group of lanes [panel][point][real, imaginary part][tile][lane]; then each thread has
/// its own part: half-transformed taps, a slab of products, the sums of a point's parts, scratch memory for transforms.
struct GradientLayout {
  int64_t lanes;        ///< floats of a vector
  int64_t vectors;      ///< of lanes
  int64_t panels;       ///< of vectors, of almost equal breadth
  int64_t group;        ///< panels whose spectra are held at once
  int64_t rows;         ///< of the product
  int64_t slabs;        ///< of rows
  int64_t slab_rows;    ///< of the largest slab
  int64_t slab_parts;   ///< parts of a slab's rows; a part and a panel make a task
  int64_t slab_steps;   ///< steps of four frequencies whose products are held at once
  int64_t chunk_tiles;  ///< tiles of the largest chunk

  int64_t row_component_stride;   ///< between two components of the rows' spectra
  int64_t row_slab_stride;        ///< between two slabs of them
  int64_t lane_component_stride;  ///< between two components of the lanes' spectra
  int64_t panel_stride;           ///< between two panels of them

  int64_t column_floats;  ///< half-transformed taps of one column of the spectrum
  int64_t rows_floats, slab_floats, sums_floats, scratch_floats;

  /// Vectors of a panel.
  Range panel(int64_t index) const { return part(vectors, panels, index); }
  /// Rows of a slab, and of a part of one.
  Range slab(int64_t index) const { return {index * slab_rows, std::min(rows, (index + 1) * slab_rows)}; }
  Range block(int64_t slab_index, int64_t part_index) const {
    const Range all = slab(slab_index), some = part(all.size(), slab_parts, part_index);
    return {all.begin + some.begin, all.begin + some.end};
  }

  int64_t spectra_floats() const { return slabs * row_slab_stride + group * panel_stride; }
  int64_t thread_floats() const { return rows_floats + slab_floats + sums_floats + scratch_floats; }
  int64_t workspace_floats(int threads) const { return spectra_floats() + threads * thread_floats(); }
};

GradientLayout gradient_layout(const SpectralGradientPlan& plan, const ConvolutionShape& shape,
                               const SpectralKernels& kernels, int threads);

}  // namespace dnd::cpu
