#include "plan/cuda_rates.h"

#include <algorithm>
#include <string_view>

#include "core/status.h"

namespace dnd {
namespace {

constexpr int64_t kKibibyte = 1 << 10, kMebibyte = 1 << 20;
constexpr int64_t kGigabyte = 1000 * 1000 * 1000;
constexpr double kGiga = 1e9, kTera = 1e12;

/// A copy of gigabytes reaches about nine tenths of the nominal bandwidth on every one of these devices.
constexpr double kMemoryFraction = 0.9;
/// The second-level cache hands out about this many bytes per clock to a multiprocessor: microbenchmarks of A100 and
/// H100 give 64 as the port's width and 60–75 % of it as reached by all at once.
constexpr double kLevel2BytesPerClock = 40;
/// Of straight-line fused multiply-adds with nothing else beside them: clock and issue.
constexpr double kFloatFraction = 0.85;

// mma.sync as a fraction of the nominal rate of the matrix units.
constexpr double kWholeUnits = 0.90;   // Ampere and Ada: it is the only instruction there; the rest is clock and issue
constexpr double kHopperUnits = 0.62;  // published microbenchmarks: 60–65 % of what wgmma reaches
constexpr double kBlackwellUnits =
    0.25;  // assumed: an A100's operations per multiprocessor and clock; tcgen05 is not used

// Sources: NVIDIA's data sheets (A100, H100, H200, L4, L40S, A10, RTX A6000) and white papers (GA100, GA102, AD102,
// GH100, "NVIDIA RTX Blackwell", HGX B200); shared memory from the CUDA C++ programming guide's table of compute
// capabilities. Rates of matrix units are without sparsity, and with fp32 sums, which GeForce does at half the rate of
// fp16 sums.
constexpr CudaRates kTable[] = {
    {.name = "a100-sxm-80gb",
     .runtime_names = "NVIDIA A100-SXM4-80GB|NVIDIA A100-SXM-80GB|NVIDIA A100-SXM-64GB|NVIDIA A800-SXM4-80GB",
     .compute_major = 8,
     .compute_minor = 0,
     .multiprocessors = 108,
     .clock_hertz = 1.41 * kGiga,
     .memory_bytes = 80 * kGigabyte,
     .level2_bytes = 40 * kMebibyte,
     .shared_bytes = 164 * kKibibyte,
     .shared_bytes_of_block = 163 * kKibibyte,
     .bytes_per_second = 2039 * kGiga,
     .half_flop_per_second = 312 * kTera,
     .float_flop_per_second = 19.5 * kTera,
     .matrix_fraction = kWholeUnits},
    {.name = "a100-pcie-80gb",
     .runtime_names = "NVIDIA A100 80GB PCIe|NVIDIA A800 80GB PCIe",
     .compute_major = 8,
     .compute_minor = 0,
     .multiprocessors = 108,
     .clock_hertz = 1.41 * kGiga,
     .memory_bytes = 80 * kGigabyte,
     .level2_bytes = 40 * kMebibyte,
     .shared_bytes = 164 * kKibibyte,
     .shared_bytes_of_block = 163 * kKibibyte,
     .bytes_per_second = 1935 * kGiga,
     .half_flop_per_second = 312 * kTera,
     .float_flop_per_second = 19.5 * kTera,
     .matrix_fraction = kWholeUnits},
    {.name = "a100-40gb",
     .runtime_names = "NVIDIA A100-SXM4-40GB|NVIDIA A100-PCIE-40GB|NVIDIA A100",
     .compute_major = 8,
     .compute_minor = 0,
     .multiprocessors = 108,
     .clock_hertz = 1.41 * kGiga,
     .memory_bytes = 40 * kGigabyte,
     .level2_bytes = 40 * kMebibyte,
     .shared_bytes = 164 * kKibibyte,
     .shared_bytes_of_block = 163 * kKibibyte,
     .bytes_per_second = 1555 * kGiga,
     .half_flop_per_second = 312 * kTera,
     .float_flop_per_second = 19.5 * kTera,
     .matrix_fraction = kWholeUnits},
    {.name = "h100-sxm",
     .runtime_names = "NVIDIA H100 80GB HBM3|NVIDIA H800|NVIDIA H100",
     .compute_major = 9,
     .compute_minor = 0,
     .multiprocessors = 132,
     .clock_hertz = 1.83 * kGiga,
     .memory_bytes = 80 * kGigabyte,
     .level2_bytes = 50 * kMebibyte,
     .shared_bytes = 228 * kKibibyte,
     .shared_bytes_of_block = 227 * kKibibyte,
     .bytes_per_second = 3350 * kGiga,
     .half_flop_per_second = 989 * kTera,
     .float_flop_per_second = 67 * kTera,
     .matrix_fraction = kHopperUnits},
    {.name = "h100-pcie",
     .runtime_names = "NVIDIA H100 PCIe",
     .compute_major = 9,
     .compute_minor = 0,
     .multiprocessors = 114,
     .clock_hertz = 1.62 * kGiga,
     .memory_bytes = 80 * kGigabyte,
     .level2_bytes = 50 * kMebibyte,
     .shared_bytes = 228 * kKibibyte,
     .shared_bytes_of_block = 227 * kKibibyte,
     .bytes_per_second = 2039 * kGiga,
     .half_flop_per_second = 756 * kTera,
     .float_flop_per_second = 51 * kTera,
     .matrix_fraction = kHopperUnits},
    {.name = "h200",
     .runtime_names = "NVIDIA H200",
     .compute_major = 9,
     .compute_minor = 0,
     .multiprocessors = 132,
     .clock_hertz = 1.83 * kGiga,
     .memory_bytes = 141 * kGigabyte,
     .level2_bytes = 50 * kMebibyte,
     .shared_bytes = 228 * kKibibyte,
     .shared_bytes_of_block = 227 * kKibibyte,
     .bytes_per_second = 4800 * kGiga,
     .half_flop_per_second = 989 * kTera,
     .float_flop_per_second = 67 * kTera,
     .matrix_fraction = kHopperUnits},
    {.name = "b200",
     .runtime_names = "NVIDIA B200|NVIDIA GB200",
     .compute_major = 10,
     .compute_minor = 0,
     .multiprocessors = 148,
     .clock_hertz = 1.85 * kGiga,
     .memory_bytes = 180 * kGigabyte,
     .level2_bytes = 126 * kMebibyte,
     .shared_bytes = 228 * kKibibyte,
     .shared_bytes_of_block = 227 * kKibibyte,
     .bytes_per_second = 7700 * kGiga,
     .half_flop_per_second = 2250 * kTera,
     .float_flop_per_second = 75 * kTera,
     .matrix_fraction = kBlackwellUnits},
    {.name = "l40s",
     .runtime_names = "NVIDIA L40S|NVIDIA L40",
     .compute_major = 8,
     .compute_minor = 9,
     .multiprocessors = 142,
     .clock_hertz = 2.52 * kGiga,
     .memory_bytes = 48 * kGigabyte,
     .level2_bytes = 96 * kMebibyte,
     .shared_bytes = 100 * kKibibyte,
     .shared_bytes_of_block = 99 * kKibibyte,
     .bytes_per_second = 864 * kGiga,
     .half_flop_per_second = 362 * kTera,
     .float_flop_per_second = 91.6 * kTera,
     .matrix_fraction = kWholeUnits},
    {.name = "l4",
     .runtime_names = "NVIDIA L4",
     .compute_major = 8,
     .compute_minor = 9,
     .multiprocessors = 58,
     .clock_hertz = 2.04 * kGiga,
     .memory_bytes = 24 * kGigabyte,
     .level2_bytes = 48 * kMebibyte,
     .shared_bytes = 100 * kKibibyte,
     .shared_bytes_of_block = 99 * kKibibyte,
     .bytes_per_second = 300 * kGiga,
     .half_flop_per_second = 121 * kTera,
     .float_flop_per_second = 30.3 * kTera,
     .matrix_fraction = 0.6},  // 72 W do not hold its boost clock while the matrix units are busy
    {.name = "a10",
     .runtime_names = "NVIDIA A10|NVIDIA A10G",
     .compute_major = 8,
     .compute_minor = 6,
     .multiprocessors = 72,
     .clock_hertz = 1.695 * kGiga,
     .memory_bytes = 24 * kGigabyte,
     .level2_bytes = 6 * kMebibyte,
     .shared_bytes = 100 * kKibibyte,
     .shared_bytes_of_block = 99 * kKibibyte,
     .bytes_per_second = 600 * kGiga,
     .half_flop_per_second = 125 * kTera,
     .float_flop_per_second = 31.2 * kTera,
     .matrix_fraction = 0.7},  // 150 W: as above
    {.name = "rtx-a6000",
     .runtime_names = "NVIDIA RTX A6000|NVIDIA A40",
     .compute_major = 8,
     .compute_minor = 6,
     .multiprocessors = 84,
     .clock_hertz = 1.80 * kGiga,
     .memory_bytes = 48 * kGigabyte,
     .level2_bytes = 6 * kMebibyte,
     .shared_bytes = 100 * kKibibyte,
     .shared_bytes_of_block = 99 * kKibibyte,
     .bytes_per_second = 768 * kGiga,
     .half_flop_per_second = 154.8 * kTera,
     .float_flop_per_second = 38.7 * kTera,
     .matrix_fraction = kWholeUnits},
    {.name = "rtx-3090",
     .runtime_names = "NVIDIA GeForce RTX 3090",
     .compute_major = 8,
     .compute_minor = 6,
     .multiprocessors = 82,
     .clock_hertz = 1.695 * kGiga,
     .memory_bytes = 24 * kGigabyte,
     .level2_bytes = 6 * kMebibyte,
     .shared_bytes = 100 * kKibibyte,
     .shared_bytes_of_block = 99 * kKibibyte,
     .bytes_per_second = 936 * kGiga,
     .half_flop_per_second = 71 * kTera,
     .float_flop_per_second = 35.6 * kTera,
     .matrix_fraction = kWholeUnits},
    {.name = "rtx-4090",
     .runtime_names = "NVIDIA GeForce RTX 4090",
     .compute_major = 8,
     .compute_minor = 9,
     .multiprocessors = 128,
     .clock_hertz = 2.52 * kGiga,
     .memory_bytes = 24 * kGigabyte,
     .level2_bytes = 72 * kMebibyte,
     .shared_bytes = 100 * kKibibyte,
     .shared_bytes_of_block = 99 * kKibibyte,
     .bytes_per_second = 1008 * kGiga,
     .half_flop_per_second = 165.2 * kTera,
     .float_flop_per_second = 82.6 * kTera,
     .matrix_fraction = kWholeUnits},
    {.name = "rtx-5090",
     .runtime_names = "NVIDIA GeForce RTX 5090",
     .compute_major = 12,
     .compute_minor = 0,
     .multiprocessors = 170,
     .clock_hertz = 2.41 * kGiga,
     .memory_bytes = 32 * kGigabyte,
     .level2_bytes = 96 * kMebibyte,
     .shared_bytes = 100 * kKibibyte,
     .shared_bytes_of_block = 99 * kKibibyte,
     .bytes_per_second = 1792 * kGiga,
     .half_flop_per_second = 209.5 * kTera,
     .float_flop_per_second = 104.8 * kTera,
     .matrix_fraction = kWholeUnits},
};

/// Which model represents all others of a compute capability: the slowest-memory data-centre one, or the common one.
struct Stand {
  int major, least_minor;
  const char* name;
};
constexpr Stand kStands[] = {{8, 0, "a100-40gb"}, {8, 1, "rtx-3090"}, {8, 9, "rtx-4090"},
                             {9, 0, "h100-sxm"},  {10, 0, "b200"},    {12, 0, "rtx-5090"}};

/// How much of a device's name one of a model's names is the beginning of, in whole words: "NVIDIA L4" is none of
/// "NVIDIA L40S". 0 where none is.
size_t matched(std::string_view runtime_name, std::string_view names) {
  size_t longest = 0;
  while (!names.empty()) {
    const size_t end = std::min(names.find('|'), names.size());
    const std::string_view name = names.substr(0, end);
    names.remove_prefix(std::min(end + 1, names.size()));
    if (!runtime_name.starts_with(name)) continue;
    const std::string_view rest = runtime_name.substr(name.size());
    if (rest.empty() || rest.front() == ' ' || rest.front() == '-') longest = std::max(longest, name.size());
  }
  return longest;
}

}  // namespace

double CudaRates::attainable_bytes_per_second() const { return kMemoryFraction * bytes_per_second; }

double CudaRates::attainable_level2_bytes_per_second() const {
  return kLevel2BytesPerClock * clock_hertz * multiprocessors;
}

double CudaRates::attainable_half_flop_per_second() const { return matrix_fraction * half_flop_per_second; }

double CudaRates::attainable_float_flop_per_second() const { return kFloatFraction * float_flop_per_second; }

std::span<const CudaRates> cuda_rates() { return kTable; }

const CudaRates& cuda_rates_of(const std::string& name) {
  std::string known;
  for (const CudaRates& rates : kTable) {
    if (name == rates.name) return rates;
    known += (known.empty() ? "" : ", ") + std::string(rates.name);
  }
  throw Error(ErrorCode::kInvalidArgument,
              "no committed rates for the device model '" + name + "'; there are those of " + known);
}

const CudaRates& cuda_rates_of_device(const std::string& runtime_name, int compute_major, int compute_minor) {
  if (compute_major < 8) {
    throw Error(ErrorCode::kUnavailable, runtime_name + " has compute capability " + std::to_string(compute_major) +
                                             "." + std::to_string(compute_minor) +
                                             ": a device of 8.0 (Ampere) or later is needed");
  }
  const CudaRates* found = nullptr;
  size_t longest = 0;
  for (const CudaRates& rates : kTable) {
    if (const size_t size = matched(runtime_name, rates.runtime_names); size > longest) {
      longest = size;
      found = &rates;
    }
  }
  if (found != nullptr) return *found;
  const char* stand = kStands[0].name;
  for (const Stand& each : kStands) {
    const bool not_later =
        each.major < compute_major || (each.major == compute_major && each.least_minor <= compute_minor);
    if (not_later) stand = each.name;
  }
  return cuda_rates_of(stand);
}

}  // namespace dnd
