#include "cpu/isa/attention.h"
#include "cpu/isa/kernels.h"
#include "cpu/isa/name.h"
#include "cpu/isa/normalise.h"
#include "cpu/isa/rows.h"
#include "cpu/isa/stored_values.h"
#include "cpu/isa/tile.h"
#include "cpu/isa/transpose.h"

/// Compiled once per instruction set with DND_ISA = baseline, avx2, avx512 or neon.
namespace dnd::cpu::DND_ISA {
namespace {

template <int kRows>
void add_tiles(Kernels& kernels) {
  kernels.tile[kRows - 1][0] = tile<kRows, 1>;
  kernels.tile[kRows - 1][1] = tile<kRows, 2>;
  if constexpr (kRows > 1) add_tiles<kRows - 1>(kernels);
}

Kernels table() {
  Kernels kernels = {};
  kernels.name = DND_ISA_NAME;
  kernels.lanes = kLanes;
  kernels.tile_rows = kTileRows;
  add_tiles<kTileRows>(kernels);
  kernels.widen[kDndFloat32Weight] = widen<kDndFloat32Weight>;
  kernels.widen[kDndFloat16Weight] = widen<kDndFloat16Weight>;
  kernels.widen[kDndBfloat16Weight] = widen<kDndBfloat16Weight>;
  kernels.finish_row = finish_row;
  kernels.merge_row = merge_row;
  kernels.mean_and_squares = mean_and_squares;
  kernels.normalise = normalise;
  kernels.exponentiate_columns = exponentiate_columns;
  kernels.transpose = transpose;
  return kernels;
}

}  // namespace

const Kernels& kernels() {
  static const Kernels kernels = table();
  return kernels;
}

}  // namespace dnd::cpu::DND_ISA
