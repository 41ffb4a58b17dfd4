#include "cpu/isa/language_kernels.h"
#include "cpu/language/operations.h"
#include "cpu/layers/parallel_elementwise.h"

namespace dnd::cpu {

void swiglu(ThreadPool& pool, const Control& control, const float* gate, const float* up, int64_t elements, float* y) {
  const LanguageKernels& isa = language_kernels();
  parallel_elementwise(pool, control, 1, elements, [&](int64_t, int64_t begin, int64_t count) {
    isa.swiglu(gate + begin, up + begin, count, y + begin);
  });
}

void swiglu_gradient(ThreadPool& pool, const Control& control, const float* gate, const float* up, const float* dy,
                     int64_t elements, float* dgate, float* dup) {
  const LanguageKernels& isa = language_kernels();
  parallel_elementwise(pool, control, 1, elements, [&](int64_t, int64_t begin, int64_t count) {
    isa.swiglu_gradient(gate + begin, up + begin, dy + begin, count, dgate + begin, dup + begin);
  });
}

}  // namespace dnd::cpu
