// Prints what is committed about device models (native/plan/cuda_rates.h) as JSON, for the model of a kernel's speed.
#include "plan/cuda_rates.h"

#include <cstdio>

int main() {
  const char* separator = "[";
  for (const dnd::CudaRates& rates : dnd::cuda_rates()) {
    std::printf(
        "%s{\"name\": \"%s\", \"architecture\": \"sm_%d%d\", \"multiprocessors\": %d, \"clockHertz\": %.17g, "
        "\"bytesPerSecond\": %.17g, \"halfFlopPerSecond\": %.17g, \"floatFlopPerSecond\": %.17g, \"matrixFraction\": "
        "%.17g}",
        separator, rates.name, rates.compute_major, rates.compute_minor, rates.multiprocessors, rates.clock_hertz,
        rates.bytes_per_second, rates.half_flop_per_second, rates.float_flop_per_second, rates.matrix_fraction);
    separator = ",\n";
  }
  std::puts("]");
}
