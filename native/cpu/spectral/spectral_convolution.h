#pragma once

#include "control.h"
#include "core/thread_pool.h"
#include "cpu/isa/bfloat16_spectral_kernels.h"
#include "cpu/isa/spectral_kernels.h"
#include "cpu/spectral/spectral_layout.h"
#include "plan/geometry.h"
#include "plan/spectral_plan.h"

namespace dnd::cpu {

/// A weight's layout in memory: [out_channels, in_channels, k, k], or that of a transposed weight of DndConvolution.
enum class WeightOrder { kPlain, kTransposed };

/// y = the convolution of the (normalised) x by overlap-save FFT tiles, through its epilogue: every tile is transformed
/// once per input channel, then there is one complex matrix product per frequency, tiles × channels times channels ×
/// output channels, then every tile is transformed back once per output channel. Weights are transformed block by block
/// where they are used.
///
/// Three real products make the complex one: p1 = xr·wr, p2 = xi·wi, p3 = (xr + xi)·(wr + wi), so that
/// yr = p1 − p2 and yi = p3 − p1 − p2.
///
/// Where the plan's elements hold two channels, the operands of these products are rounded to bfloat16 by the kernels
/// `bfloat16`, which are needed then; sums and transforms are in float32 all the same.
///
/// The workspace has layout.workspace_floats(pool.threads()) floats, 64-byte aligned. The same bytes for any number of
/// threads. Error(kAborted) within milliseconds of cancellation; reports the direct algorithm's multiply-adds.
void convolve_spectral(ThreadPool& pool, const Control& control, const SpectralKernels& kernels,
                       const Geometry& geometry, WeightOrder weight_order, DndEpilogue epilogue,
                       const SpectralPlan& plan, const SpectralLayout& layout, const DndConvolutionOperands& operands,
                       const Bfloat16SpectralKernels* bfloat16 = nullptr);

}  // namespace dnd::cpu
