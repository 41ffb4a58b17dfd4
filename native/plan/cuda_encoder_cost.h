#pragma once

#include <cstdint>

#include "backend.h"
#include "plan/cuda_rates.h"

namespace dnd {

/// What of a BERT its time depends on: `sequences` of `length` rows each.
struct CudaEncoderShape {
  int64_t layers, hidden, heads, intermediate;
  int64_t sequences, length;
};

/// Predicted seconds of an encoder's kernels on a device model. Modelled, never measured.
struct CudaEncoderCost {
  double embeddings = 0;
  double linear = 0;  ///< the four products of each layer, with activation and residual
  double attention = 0;
  double norms = 0;
  double total() const { return embeddings + linear + attention + norms; }
};

CudaEncoderCost cuda_encoder_cost(const CudaEncoderShape& shape, DndPrecision precision, const CudaRates& rates);

/// y = activation(x · weightᵀ + bias) (+ residual) over `rows`.
double cuda_linear_seconds(int64_t rows, int64_t in, int64_t out, bool residual, DndPrecision precision,
                           const CudaRates& rates);

}  // namespace dnd
