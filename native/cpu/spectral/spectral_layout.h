#pragma once

#include <cstdint>

#include "core/integers.h"
#include "plan/rates.h"
#include "plan/spectral_plan.h"

namespace dnd::cpu {

/// Division of work and its layout in the workspace; counted in floats, or elements of as many bytes (SpectralPlan).
/// Depends on the number of threads, the results do not.
///
/// The workspace begins with the tile spectra of a chunk, [slab of channels][point][component][tile][channel]; then each
/// thread has its own part: the product's spectra of one task, half-transformed weights, slab, what is between
/// transforms and products, scratch.
struct SpectralLayout {
  int64_t chunk_tiles;  ///< tiles of the largest chunk
  int64_t tile_parts;   ///< parts of a chunk's tiles; a part and a block make a task
  int64_t out_blocks;   ///< blocks of vectors of output channels

  int64_t slabs;                  ///< of input channels
  int64_t tile_component_stride;  ///< floats between two components of the tile spectra
  int64_t slab_stride;            ///< floats between two slabs of the tile spectra

  int64_t product_floats, rows_floats, slab_floats, between_floats, scratch_floats;
  int64_t column_floats;  ///< half-transformed weights of one column of the spectrum

  int64_t spectra_floats() const { return slabs * slab_stride; }
  int64_t thread_floats() const { return product_floats + rows_floats + slab_floats + between_floats + scratch_floats; }
  int64_t workspace_floats(int threads) const { return spectra_floats() + threads * thread_floats(); }
};

/// `rates`: those by which it was planned.
SpectralLayout spectral_layout(const SpectralPlan& plan, const ConvolutionShape& shape, const InstructionSetRates& rates,
                               int threads);

}  // namespace dnd::cpu
