#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace dnd {

/// What a model of device can do: its maker's figures, and which fractions of them our kernels are expected to reach.
/// Committed, because plans must not depend on the day: see rates.h. Modelled: none of it has been measured by us.
struct CudaRates {
  const char* name;           ///< "h200"; of `dnd plan --device`
  const char* runtime_names;  ///< what the runtime calls such devices, beginnings with '|' between them
  int compute_major, compute_minor;
  int multiprocessors;
  double clock_hertz;  ///< boost
  int64_t memory_bytes, level2_bytes;
  int64_t shared_bytes, shared_bytes_of_block;  ///< of a multiprocessor, and the most that one block can have of it
  double bytes_per_second;                      ///< of memory, nominal
  double half_flop_per_second;                  ///< matrix units, dense, fp16 operands and fp32 sums, nominal
  double float_flop_per_second;                 ///< fp32, two for a multiply-add, nominal
  double matrix_fraction;                       ///< of half_flop_per_second that mma.sync reaches

  double attainable_bytes_per_second() const;         ///< of memory
  double attainable_level2_bytes_per_second() const;  ///< of the second-level cache
  double attainable_half_flop_per_second() const;     ///< by mma.sync
  double attainable_float_flop_per_second() const;    ///< by fused multiply-adds in registers
};

/// Between two kernels of a recorded graph: the last blocks of one drain, the first of the next start.
inline constexpr double kCudaLaunchSeconds = 1.5e-6;

/// The whole table, in the order of `dnd plan`'s help.
std::span<const CudaRates> cuda_rates();

/// Error(kInvalidArgument) for a name that is not in the table; the message lists those that are.
const CudaRates& cuda_rates_of(const std::string& name);

/// Of a device by what the runtime calls it ("NVIDIA H200"), else those of the model that represents its compute
/// capability. Error(kUnavailable) for a device before 8.0, which has no asynchronous copies.
const CudaRates& cuda_rates_of_device(const std::string& runtime_name, int compute_major, int compute_minor);

}  // namespace dnd
