#include "cpu/isa/normals.h"

#include "cpu/isa/normalise.h"

#if defined(__x86_64__)
#include <immintrin.h>  // its functions are expanded in place: they leave no symbol behind
#endif

/// core/philox.h and core/distributions.h, many blocks at a time: operation for operation the same, so that every bit
/// is. Compiled once per instruction set, but without contraction: a fused product is another number.
namespace dnd::cpu::DND_ISA {
namespace {

typedef uint64_t WordVector __attribute__((vector_size(kVectorBytes)));  ///< 32 bits in each lane

struct Block {
  WordVector words[4];
};

inline __attribute__((always_inline)) WordVector product(WordVector word, uint32_t factor) {
  const WordVector factors = WordVector{} + factor;
#if defined(__AVX512F__)
  return word * factors;
#elif defined(__AVX2__)
  return reinterpret_cast<WordVector>(
      _mm256_mul_epu32(reinterpret_cast<__m256i>(word), reinterpret_cast<__m256i>(factors)));
#elif defined(__x86_64__)
  return reinterpret_cast<WordVector>(
      _mm_mul_epu32(reinterpret_cast<__m128i>(word), reinterpret_cast<__m128i>(factors)));
#elif defined(DND_NEON)
  return vmull_u32(vmovn_u64(word), vmovn_u64(factors));
#else
  return word * factors;
#endif
}

inline __attribute__((always_inline)) Block philox(uint64_t first_block, uint32_t key0, uint32_t key1,
                                                   const uint32_t* stream) {
  WordVector block = WordVector{} + first_block;
  for (int lane = 0; lane < kDoubleLanes; ++lane) block[lane] += static_cast<uint64_t>(lane);
  constexpr uint64_t kLow = 0xffffffff;
  Block at = {{block & kLow, block >> 32, WordVector{} + stream[0], WordVector{} + stream[1]}};
  for (int round = 0; round < 10; ++round) {
    const WordVector first = product(at.words[0], 0xD2511F53), second = product(at.words[2], 0xCD9E8D57);
    at = {{(second >> 32) ^ at.words[1] ^ key0, second & kLow, (first >> 32) ^ at.words[3] ^ key1, first & kLow}};
    key0 += 0x9E3779B9;
    key1 += 0xBB67AE85;
  }
  return at;
}

inline __attribute__((always_inline)) DoubleVector square_root(DoubleVector x) {
#if defined(__AVX512F__)
  return _mm512_maskz_sqrt_pd(0xff, x);  // the unmasked one makes GCC warn of its own header
#elif defined(__AVX2__)
  return _mm256_sqrt_pd(x);
#elif defined(__x86_64__)
  return _mm_sqrt_pd(x);
#elif defined(DND_NEON)
  return vsqrtq_f64(x);
#else
  DoubleVector root;
  for (int lane = 0; lane < kDoubleLanes; ++lane) root[lane] = __builtin_sqrt(x[lane]);
  return root;
#endif
}

/// x / divisor to the last bit for a small whole divisor, by a product and two fused ones (Markstein 1990): the
/// remainder of the first quotient is exact, and no quotient by so small a number is so near to the middle of two
/// floats that the last rounding could go astray.
inline __attribute__((always_inline)) DoubleVector divided(DoubleVector x, double divisor) {
#if defined(__AVX512F__) || defined(__AVX2__) || defined(DND_NEON)
  const double inverse = 1.0 / divisor;
  const DoubleVector quotient = x * inverse;
#if defined(__AVX512F__)
  const DoubleVector rest = _mm512_fnmadd_pd(quotient, DoubleVector{} + divisor, x);
  return _mm512_fmadd_pd(rest, DoubleVector{} + inverse, quotient);
#elif defined(DND_NEON)
  const DoubleVector rest = vfmsq_f64(x, quotient, DoubleVector{} + divisor);
  return vfmaq_f64(quotient, rest, DoubleVector{} + inverse);
#else
  const DoubleVector rest = _mm256_fnmadd_pd(quotient, DoubleVector{} + divisor, x);
  return _mm256_fmadd_pd(rest, DoubleVector{} + inverse, quotient);
#endif
#else
  return x / divisor;
#endif
}

/// Of a whole number below 2^52.
inline __attribute__((always_inline)) DoubleVector number_of(WordVector word) {
  return reinterpret_cast<DoubleVector>(word | 0x4330000000000000) - 4503599627370496.0;
}

inline __attribute__((always_inline)) DoubleVector share_of(WordVector word) {
  return (number_of(word) + 0.5) * 0x1p-32;
}

inline __attribute__((always_inline)) DoubleVector logarithm(DoubleVector x) {
  constexpr double kLn2 = 0.69314718055994530942, kRootHalf = 0.70710678118654752440;
  const WordVector bits = reinterpret_cast<WordVector>(x);
  const DoubleVector half = reinterpret_cast<DoubleVector>((bits & 0x000fffffffffffff) | 0x3fe0000000000000);
  const DoubleVector floor = number_of(bits >> 52) - 1022.0;
  const auto small = half < kRootHalf;
  const DoubleVector mantissa = small ? half * 2.0 : half, exponent = small ? floor - 1.0 : floor;
  const DoubleVector s = (mantissa - 1.0) / (mantissa + 1.0), square = s * s;
  DoubleVector series = {};
#pragma GCC unroll 9
  for (int power = 17; power >= 1; power -= 2) series = series * square + 1.0 / power;
  return 2.0 * s * series + exponent * kLn2;
}

struct Turn {
  DoubleVector sine, cosine;
};

inline __attribute__((always_inline)) Turn sine_cosine(DoubleVector turn) {
  constexpr double kHalfPi = 1.57079632679489661923;
  const DoubleVector quarters = 4.0 * turn, shifted = quarters + 0.5, none = {};
  const auto from1 = shifted >= 1.0, from2 = shifted >= 2.0, from3 = shifted >= 3.0, from4 = shifted >= 4.0;
  const DoubleVector quadrant = from4   ? none + 4.0
                                : from3 ? none + 3.0
                                : from2 ? none + 2.0
                                : from1 ? none + 1.0
                                        : none;
  const DoubleVector angle = (quarters - quadrant) * kHalfPi, square = angle * angle;
  DoubleVector sine = none + 1.0, cosine = none + 1.0;
#pragma GCC unroll 7
  for (int power = 14; power >= 2; power -= 2) {
    cosine = 1.0 - divided(cosine * square, power * (power - 1));
    sine = 1.0 - divided(sine * square, power * (power + 1));
  }
  sine *= angle;
  const auto odd = (from1 & ~from2) | (from3 & ~from4);  // quadrants 1 and 3
  const auto minus_sine = from2 & ~from4;                // 2 and 3
  const auto minus_cosine = from1 & ~from3;              // 1 and 2
  const DoubleVector first = odd ? cosine : sine, second = odd ? sine : cosine;
  return {minus_sine ? -first : first, minus_cosine ? -second : second};
}

}  // namespace

void normals(uint64_t first_block, int64_t blocks, const uint32_t* key, const uint32_t* stream, float* values) {
  for (int64_t block = 0; block < blocks; block += kDoubleLanes, values += 4 * kDoubleLanes) {
    const Block random = philox(first_block + static_cast<uint64_t>(block), key[0], key[1], stream);
#pragma GCC unroll 2
    for (int pair = 0; pair < 4; pair += 2) {
      const DoubleVector radius = square_root(-2.0 * logarithm(share_of(random.words[pair])));
      const Turn turn = sine_cosine(share_of(random.words[pair + 1]));
      const HalfVector first = __builtin_convertvector(radius * turn.cosine, HalfVector);
      const HalfVector second = __builtin_convertvector(radius * turn.sine, HalfVector);
      for (int lane = 0; lane < kDoubleLanes; ++lane) {
        values[4 * lane + pair] = first[lane];
        values[4 * lane + pair + 1] = second[lane];
      }
    }
  }
}

}  // namespace dnd::cpu::DND_ISA
