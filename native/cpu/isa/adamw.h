#pragma once

#include "cpu/isa/training_rows.h"

#if defined(__x86_64__)
#include <immintrin.h>  // its functions are expanded in place: they leave no symbol behind
#endif

/// AdamW of TrainingKernels, with moments in float32 and quantised.
namespace dnd::cpu::DND_ISA {

typedef int32_t IntegerVector __attribute__((vector_size(kVectorBytes)));
typedef uint8_t ByteVector __attribute__((vector_size(kLanes)));

inline __attribute__((always_inline)) Vector square_root(Vector x) {
#if defined(__AVX512F__)
  return _mm512_maskz_sqrt_ps(0xffff, x);  // the unmasked one makes GCC warn of its own header
#elif defined(__AVX2__)
  return _mm256_sqrt_ps(x);
#elif defined(__x86_64__)
  return _mm_sqrt_ps(x);
#else
  Vector root;
  for (int lane = 0; lane < kLanes; ++lane) root[lane] = __builtin_sqrtf(x[lane]);
  return root;
#endif
}

/// One step on one vector; m and v become the new moments.
inline __attribute__((always_inline)) Vector stepped(const AdamWFactors& f, Vector gradient, Vector parameter,
                                                     Vector& m, Vector& v) {
  const Vector g = gradient * f.gradient_scale;
  m += (g - m) * f.beta1_rest;
  v = v * f.beta2 + g * g * f.beta2_rest;
  return parameter * f.keep - m * f.step_size / (square_root(v) / f.root + f.eps);
}

inline void adamw(const AdamWFactors& factors, const float* gradient, int64_t count, float* parameter, float* first,
                  float* second) {
  for_vectors(count, [&](int64_t i, int64_t here) {
    Vector m = load_up_to(first + i, here), v = load_up_to(second + i, here);
    store_up_to(parameter + i, stepped(factors, load_up_to(gradient + i, here), load_up_to(parameter + i, here), m, v),
                here);
    store_up_to(first + i, m, here);
    store_up_to(second + i, v, here);
  });
}

/// Codes of numbers that are `inverse` times too large, in [−1, 1] then.
inline __attribute__((always_inline)) IntegerVector encoded(const DynamicMap& map, Vector value, float inverse) {
  const Vector magnitude = absolute(value) * inverse;
  Vector steps = splat<Vector>(map.steps[0]), scale = splat<Vector>(map.scale[0]);
#pragma GCC unroll 7
  for (int decade = 1; decade < DynamicMap::kDecades; ++decade) {
    const IntegerVector inside = magnitude >= map.least[decade];
    steps = inside ? splat<Vector>(map.steps[decade]) : steps;
    scale = inside ? splat<Vector>(map.scale[decade]) : scale;
  }
  const Vector last = steps + steps - 0.5f;
  Vector place = magnitude * scale + steps * (8.0f / 9.0f);
  place = place > last ? last : place;
  place = place < steps ? steps : place;
  IntegerVector code = __builtin_convertvector(place, IntegerVector);
  const IntegerVector negative = value < 0.0f;
  if (map.with_sign) code |= negative & 128;
  code = (magnitude >= map.least_one) & ~negative ? IntegerVector{} + map.one : code;
  return magnitude >= map.least[0] ? code : IntegerVector{};
}

constexpr int64_t kMomentBlock = 256;

inline void decode(const DynamicMap& map, const uint8_t* codes, float largest, int64_t count, float* values) {
  for (int64_t i = 0; i < count; ++i) values[i] = map.values[codes[i]] * largest;
}

inline void encode(const DynamicMap& map, const float* values, float largest, int64_t count, uint8_t* codes) {
  uint8_t own[kMomentBlock];
  const float inverse = largest > 0.0f ? 1.0f / largest : 0.0f;
  for (int64_t i = 0; i < count; i += kLanes) {
    const ByteVector bytes = __builtin_convertvector(encoded(map, load(values + i), inverse), ByteVector);
    __builtin_memcpy(own + i, &bytes, sizeof(bytes));
  }
  __builtin_memcpy(codes, own, count);
}

/// Below it a block's largest magnitude counts as zero: its inverse would be no float.
constexpr float kLeastLargest = 1e-37f;

inline float largest_of(Vector largest) {
  float most = 0.0f;
  for (int lane = 0; lane < kLanes; ++lane) most = largest[lane] > most ? largest[lane] : most;
  return most < kLeastLargest ? 0.0f : most;
}

inline void adamw_quantised(const AdamWFactors& factors, const DynamicMap& first_map, const DynamicMap& second_map,
                            const float* gradient, int64_t count, float* parameter, const MomentBlock& moments) {
  float first[kMomentBlock], second[kMomentBlock];
  decode(first_map, moments.first, *moments.first_largest, count, first);
  decode(second_map, moments.second, *moments.second_largest, count, second);
  for (int64_t i = count; i % kLanes != 0; ++i) first[i] = second[i] = 0.0f;
  Vector largest_m = {}, largest_v = {};
  for_vectors(count, [&](int64_t i, int64_t here) {
    Vector m = load(first + i), v = load(second + i);
    store_up_to(parameter + i, stepped(factors, load_up_to(gradient + i, here), load_up_to(parameter + i, here), m, v),
                here);
    store(first + i, m);
    store(second + i, v);
    largest_m = larger(absolute(m), largest_m);
    largest_v = larger(v, largest_v);
  });
  *moments.first_largest = largest_of(largest_m);
  *moments.second_largest = largest_of(largest_v);
  encode(first_map, first, *moments.first_largest, count, moments.first);
  encode(second_map, second, *moments.second_largest, count, moments.second);
}

}  // namespace dnd::cpu::DND_ISA
