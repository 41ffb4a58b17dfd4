#pragma once

#include "cpu/isa/training_rows.h"

/// The rows of TrainingKernels that the gradient of a normalisation is made of.
namespace dnd::cpu::DND_ISA {

typedef double UnalignedDoubles __attribute__((vector_size(kVectorBytes), aligned(8), may_alias));

/// n = (x − mean) · rstd with the mean in two floats: the difference to the nearer one is exact where it matters.
template <typename V>
inline __attribute__((always_inline)) V standardised(V x, const float* mean_rstd) {
  return ((x - mean_rstd[0]) - mean_rstd[1]) * mean_rstd[2];
}

inline void norm_sums(const float* x, const float* mean_rstd, const float* weight, const float* dy, int64_t count,
                      double* row_sums, double* dweight, double* dbias) {
  DoubleVector of_g = {}, of_gn = {};
  int64_t i = 0;
  for (; i + kDoubleLanes <= count; i += kDoubleLanes) {
    const HalfVector upstream = load_half(dy + i);
    const DoubleVector n = in_double(standardised(load_half(x + i), mean_rstd));
    const DoubleVector g = in_double(upstream * load_half(weight + i));
    of_g += g;
    of_gn += g * n;
    *reinterpret_cast<UnalignedDoubles*>(dweight + i) += in_double(upstream) * n;
    *reinterpret_cast<UnalignedDoubles*>(dbias + i) += in_double(upstream);
  }
  double rest_g = 0, rest_gn = 0;
  for (; i < count; ++i) {
    const double n = standardised(x[i], mean_rstd), g = dy[i] * weight[i];
    rest_g += g;
    rest_gn += g * n;
    dweight[i] += dy[i] * n;
    dbias[i] += dy[i];
  }
  row_sums[0] = total_of(of_g) + rest_g;
  row_sums[1] = total_of(of_gn) + rest_gn;
}

inline void norm_gradient(const float* x, const float* mean_rstd, const float* weight, const float* dy,
                          const float* addend, int64_t count, float mean_g, float mean_gn, float* dx) {
  const float rstd = mean_rstd[2];
  for_vectors(count, [&](int64_t i, int64_t here) {
    const Vector n = standardised(load_up_to(x + i, here), mean_rstd);
    const Vector g = load_up_to(dy + i, here) * load_up_to(weight + i, here);
    const Vector gradient = (g - mean_g - n * mean_gn) * rstd;
    store_up_to(dx + i, addend != nullptr ? gradient + load_up_to(addend + i, here) : gradient, here);
  });
}

}  // namespace dnd::cpu::DND_ISA
