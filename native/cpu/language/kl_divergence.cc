#include <algorithm>
#include <array>
#include <cmath>

#include "cpu/isa/language_kernels.h"
#include "cpu/language/operations.h"

namespace dnd::cpu {
namespace {

constexpr int64_t kPiece = 512;

/// Of a row of targets t beside logits x.
struct Expectation {
  double sum = 0;         ///< Σ e^(t − the largest t)
  double difference = 0;  ///< Σ e^(t − the largest t) · (t − x)
};

/// The targets become e^(t − most).
Expectation expect_difference(const LanguageKernels& isa, float* targets, const float* logits, float most,
                              int64_t vocabulary) {
  Expectation total;
  std::array<float, kPiece> powers;
  for (int64_t first = 0; first < vocabulary; first += kPiece) {
    const int64_t count = std::min(kPiece, vocabulary - first);
    float* const own = targets + first;
    total.sum += isa.exponentials(own, most, count, powers.data());
    for (int64_t i = 0; i < count; ++i) {
      const double power = powers[static_cast<size_t>(i)];
      total.difference += power * (static_cast<double>(own[i]) - static_cast<double>(logits[first + i]));
    }
    std::copy_n(powers.begin(), count, own);
  }
  return total;
}

}  // namespace

/// KL(p ‖ q) = Σ p · (t − x) + log Σ e^x − log Σ e^t, where p = softmax(t) and q = softmax(x).
void kl_divergence(ThreadPool& pool, const Control& control, float* targets, float* logits, int64_t rows,
                   int64_t vocabulary, double weight, double* losses) {
  const LanguageKernels& isa = language_kernels();
  pool.parallel_for(rows, [&](int64_t row, int) {
    control.throw_if_cancelled();
    float *const target = targets + row * vocabulary, *const own = logits + row * vocabulary;
    const float most_target = isa.largest(target, vocabulary), most = isa.largest(own, vocabulary);
    const Expectation expected = expect_difference(isa, target, own, most_target, vocabulary);
    const double sum = isa.exponentials(own, most, vocabulary, own);
    losses[row] = expected.difference / expected.sum + std::log(sum / expected.sum) +
                  (static_cast<double>(most) - static_cast<double>(most_target));
    isa.scale(static_cast<float>(weight / sum), vocabulary, own);
    isa.add_scaled(target, static_cast<float>(-weight / expected.sum), vocabulary, own);
  });
}

}  // namespace dnd::cpu
