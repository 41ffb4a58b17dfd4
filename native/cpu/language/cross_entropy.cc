#include <algorithm>
#include <cmath>

#include "cpu/isa/language_kernels.h"
#include "cpu/language/operations.h"

namespace dnd::cpu {

void cross_entropy(ThreadPool& pool, const Control& control, const float* logits, const int32_t* labels, int64_t rows,
                   int64_t vocabulary, double weight, float* dlogits, double* losses, int32_t* predictions) {
  const LanguageKernels& isa = language_kernels();
  pool.parallel_for(rows, [&](int64_t row, int) {
    control.throw_if_cancelled();
    const float* own = logits + row * vocabulary;
    const float label_logit = own[labels[row]], most = isa.largest(own, vocabulary);
    if (predictions != nullptr) predictions[row] = static_cast<int32_t>(std::find(own, own + vocabulary, most) - own);
    float* const gradient = dlogits == nullptr ? nullptr : dlogits + row * vocabulary;
    const double sum = isa.exponentials(own, most, vocabulary, gradient);
    losses[row] = std::log(sum) + static_cast<double>(most) - static_cast<double>(label_logit);
    if (gradient == nullptr) return;
    isa.scale(static_cast<float>(weight / sum), vocabulary, gradient);
    gradient[labels[row]] -= static_cast<float>(weight);
  });
}

}  // namespace dnd::cpu
