#pragma once

#include "backend_training.h"
#include "control.h"
#include "core/thread_pool.h"
#include "cpu/isa/spectral_kernels.h"
#include "cpu/spectral/gradient_layout.h"
#include "plan/geometry.h"

namespace dnd::cpu {

/// gradient (+)= the gradient of a convolution's weight. With X and D the spectra of a tile of the (normalised) input
/// and of that tile's outputs in dy, zeros elsewhere, the gradient of the weight's spectrum is Σ conj(X)·D over all
/// tiles: the spectrum's every point is a product of matrices, channels × tiles times tiles × output channels, made of
/// three real products as the convolution's is. Then the adjoint of the weight's transform gives the k² taps, and
/// nothing else is transformed back.
///
/// The workspace has layout.workspace_floats(pool.threads()) floats, 64-byte aligned. The same bytes for any number of
/// threads. Error(kAborted) within milliseconds of cancellation; reports the direct algorithm's multiply-adds.
void spectral_weight_gradient(ThreadPool& pool, const Control& control, const SpectralKernels& kernels,
                              const Geometry& geometry, const SpectralGradientPlan& plan, const GradientLayout& layout,
                              const DndWeightGradientOperands& operands);

}  // namespace dnd::cpu
