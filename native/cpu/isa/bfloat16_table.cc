#include "cpu/isa/bfloat16_kernels.h"
#include "cpu/isa/bfloat16_rows.h"
#include "cpu/isa/name.h"

/// Compiled with DND_ISA = avx512bf16: instructions that some machines with avx512 have and others lack.
namespace dnd::cpu::DND_ISA {
namespace {

template <int kRows>
void add_tiles(Bfloat16Kernels& kernels) {
  kernels.tile[kRows - 1][0] = bfloat16_tile<kRows, 1>;
  kernels.tile[kRows - 1][1] = bfloat16_tile<kRows, 2>;
  if constexpr (kRows > 1) add_tiles<kRows - 1>(kernels);
}

Bfloat16Kernels table() {
  Bfloat16Kernels kernels = {};
  kernels.name = DND_ISA_NAME;
  add_tiles<kTileRows>(kernels);
  kernels.round_row = round_row;
  kernels.pack_rows = pack_rows;
  kernels.pack_columns = pack_columns;
  return kernels;
}

}  // namespace

const Bfloat16Kernels& bfloat16_kernels() {
  static const Bfloat16Kernels kernels = table();
  return kernels;
}

}  // namespace dnd::cpu::DND_ISA
