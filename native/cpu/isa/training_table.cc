#include "cpu/isa/adamw.h"
#include "cpu/isa/name.h"
#include "cpu/isa/norm_gradient.h"
#include "cpu/isa/normals.h"
#include "cpu/isa/training_kernels.h"
#include "cpu/isa/training_rows.h"

/// Compiled once per instruction set with DND_ISA = baseline, avx2 or avx512.
namespace dnd::cpu::DND_ISA {
namespace {

TrainingKernels table() {
  TrainingKernels kernels = {};
  kernels.name = DND_ISA_NAME;
  kernels.merge_row = merge_row_keeping;
  kernels.split_row = split_row;
  kernels.sum = sum;
  kernels.sum_squares = sum_squares;
  kernels.add_row = add_row;
  kernels.norm_sums = norm_sums;
  kernels.norm_gradient = norm_gradient;
  kernels.loss_sums = loss_sums;
  kernels.loss_gradient = loss_gradient;
  kernels.normals = normals;
  kernels.adamw = adamw;
  kernels.adamw_quantised = adamw_quantised;
  return kernels;
}

}  // namespace

const TrainingKernels& training_kernels() {
  static const TrainingKernels kernels = table();
  return kernels;
}

}  // namespace dnd::cpu::DND_ISA
