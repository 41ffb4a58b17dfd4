#include "plan/cuda_encoder_cost.h"

#include <algorithm>

#include "core/integers.h"
#include "plan/cuda_cost.h"

namespace dnd {
namespace {

constexpr double kFloat = sizeof(float);
constexpr int64_t kBlock = 128;  ///< rows and columns of a block of a linear product

/// Of mma.sync's rate: blocks of 128 × 128 whose activations are rounded to fp16 on their way into shared memory.
constexpr double kLinearFraction = 0.67;
/// Of fp32 multiply-adds, operands from shared memory.
constexpr double kFloatLinearFraction = 0.85;
/// Scores of a row of the softmax that a multiprocessor's special function units exponentiate in a clock, and what
/// else its 128 lanes do with each: scale, largest, difference, sum, rounding, rescaling.
constexpr double kExponentialsPerClock = 16, kLanes = 128, kOperationsOfScore = 7;

double count(int64_t value) { return static_cast<double>(value); }

/// A kernel that reads or writes activations, which other kernels have just made, and does little else.
double moved(double bytes, const CudaRates& rates) {
  return kCudaLaunchSeconds + cuda_transfer_seconds(bytes, 2 * bytes, rates);
}

double attention_seconds(const CudaEncoderShape& shape, DndPrecision precision, const CudaRates& rates) {
  const double rows = count(shape.sequences * shape.length);
  const double scores = rows * count(shape.length * shape.heads);
  const double flop = 4 * rows * count(shape.length * shape.hidden);
  const double rate = precision == kDndFloat32 ? rates.attainable_float_flop_per_second() * kFloatLinearFraction
                                               : rates.attainable_half_flop_per_second();
  const double clocks = scores * (1 / kExponentialsPerClock + kOperationsOfScore / kLanes);
  // A warp alternates between products and softmax; little of one hides behind the other.
  const double arithmetic = flop / rate + clocks / (rates.clock_hertz * rates.multiprocessors);
  const double bytes = kFloat * 4 * rows * count(shape.hidden);
  return kCudaLaunchSeconds + std::max(arithmetic, cuda_transfer_seconds(bytes, 2 * bytes, rates));
}

}  // namespace

double cuda_linear_seconds(int64_t rows, int64_t in, int64_t out, bool residual, DndPrecision precision,
                           const CudaRates& rates) {
  const bool halves = precision != kDndFloat32;
  const int64_t row_blocks = divide_up(rows, kBlock), columns = divide_up(out, kBlock);
  const double rate = halves ? rates.attainable_half_flop_per_second() * kLinearFraction
                             : rates.attainable_float_flop_per_second() * kFloatLinearFraction;
  const double block_flop = 2 * count(kBlock * kBlock * round_up(in, 32));
  const double arithmetic =
      count(divide_up(row_blocks * columns, rates.multiprocessors)) * block_flop * rates.multiprocessors / rate;
  const double x = kFloat * count(rows * in), y = kFloat * count(rows * out) * (residual ? 2 : 1);
  const double weights = count(in * out) * (halves ? 2 : 4);
  const double level2 =
      (count(columns) * x + count(row_blocks) * weights + y) / rates.attainable_level2_bytes_per_second();
  const double memory =
      cuda_transfer_seconds(x + y, 2 * (x + y), rates) + weights / rates.attainable_bytes_per_second();
  return kCudaLaunchSeconds + std::max({arithmetic, level2, memory});
}

CudaEncoderCost cuda_encoder_cost(const CudaEncoderShape& shape, DndPrecision precision, const CudaRates& rates) {
  const int64_t rows = shape.sequences * shape.length;
  const double states = kFloat * count(rows * shape.hidden), layers = count(shape.layers);
  const auto linear = [&](int64_t in, int64_t out, bool residual) {
    return cuda_linear_seconds(rows, in, out, residual, precision, rates);
  };
  CudaEncoderCost cost;
  cost.embeddings = moved(2 * states, rates) + moved(2 * states, rates);  // and their normalisation
  cost.linear =
      layers * (linear(shape.hidden, 3 * shape.hidden, false) + linear(shape.hidden, shape.hidden, true) +
                linear(shape.hidden, shape.intermediate, false) + linear(shape.intermediate, shape.hidden, true));
  cost.attention = layers * attention_seconds(shape, precision, rates);
  cost.norms = layers * 2 * moved(2 * states, rates);
  return cost;
}

}  // namespace dnd
