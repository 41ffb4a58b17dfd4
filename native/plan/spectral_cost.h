#pragma once

#include "plan/rates.h"
#include "plan/spectral_plan.h"

namespace dnd {

/// Predicted seconds of one thread.
struct SpectralCost {
  double forward = 0;  ///< tiles to spectra
  double weights = 0;  ///< both halves of the weights' transform
  double product = 0;
  double inverse = 0;
  double total() const { return forward + weights + product + inverse; }
};

SpectralCost spectral_cost(const ConvolutionShape& shape, const SpectralPlan& plan, const InstructionSetRates& rates);

/// Predicted seconds of one thread for the direct algorithm: multiply-adds without padding taps, at the rate of a tile
/// whose lanes or rows may stay partly empty.
double direct_cost(const ConvolutionShape& shape, const InstructionSetRates& rates);
/// And for the gradient of its weight.
double direct_gradient_cost(const ConvolutionShape& shape, const InstructionSetRates& rates);

/// log₂ of a number ≥ 1, the same bits on every machine.
double binary_logarithm(double value);

/// Multiply-adds of the direct algorithm, padding taps not counted.
double direct_multiply_adds(const ConvolutionShape& shape);

/// Real multiply-adds of the complex product: three for each complex one.
double product_multiply_adds(const ConvolutionShape& shape, const SpectralPlan& plan);

/// Real multiply-adds that a spectral convolution executes: the product's and the weights' transforms'.
double spectral_multiply_adds(const ConvolutionShape& shape, const SpectralPlan& plan);

/// Bytes of the tile spectra of one chunk, padding between components included.
int64_t tile_spectra_bytes(const ConvolutionShape& shape, const SpectralPlan& plan);

/// Maximum bytes of a thread's workspace when it takes one tile at a time: its product, half-transformed weights, their
/// slab, a point's sums, and scratch memory for transforms with so many lanes.
int64_t least_thread_bytes(const ConvolutionShape& shape, const SpectralPlan& plan, int64_t lanes);

}  // namespace dnd
