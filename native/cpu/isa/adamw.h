#pragma once

#include "cpu/isa/bytes.h"
#include "cpu/isa/training_rows.h"

#if defined(__x86_64__)
#include <immintrin.h>  // its functions are expanded in place: they leave no symbol behind
#endif

/// AdamW of TrainingKernels, with moments in float32 and quantised.
namespace dnd::cpu::DND_ISA {

typedef uint32_t UnsignedVector __attribute__((vector_size(kVectorBytes)));

inline __attribute__((always_inline)) Vector square_root(Vector x) {
#if defined(__AVX512F__)
  return _mm512_maskz_sqrt_ps(0xffff, x);  // the unmasked one makes GCC warn of its own header
#elif defined(__AVX2__)
  return _mm256_sqrt_ps(x);
#elif defined(__x86_64__)
  return _mm_sqrt_ps(x);
#elif defined(DND_NEON)
  return vsqrtq_f32(x);
#else
  Vector root;
  for (int lane = 0; lane < kLanes; ++lane) root[lane] = __builtin_sqrtf(x[lane]);
  return root;
#endif
}

/// One step on one vector; m and v become the new moments, root that of v.
inline __attribute__((always_inline)) Vector stepped(const AdamWFactors& f, Vector gradient, Vector parameter,
                                                     Vector& m, Vector& v, Vector& root) {
  const Vector g = gradient * f.gradient_scale;
  m += (g - m) * f.beta1_rest;
  v = v * f.beta2 + g * g * f.beta2_rest;
  root = square_root(v);
  return parameter * f.keep - m * f.step_size / (root / f.root + f.eps);
}

inline void adamw(const AdamWFactors& factors, const float* gradient, int64_t count, float* parameter, float* first,
                  float* second) {
  for_vectors(count, [&](int64_t i, int64_t here) {
    Vector m = load_up_to(first + i, here), v = load_up_to(second + i, here), root;
    store_up_to(parameter + i,
                stepped(factors, load_up_to(gradient + i, here), load_up_to(parameter + i, here), m, v, root), here);
    store_up_to(first + i, m, here);
    store_up_to(second + i, v, here);
  });
}

/// Random bits of elements first_element …, for one step: MurmurHash3's finaliser (Appleby).
inline __attribute__((always_inline)) UnsignedVector bits_of_elements(uint32_t rounding, int64_t first_element) {
  UnsignedVector lanes;
  for (int lane = 0; lane < kLanes; ++lane) lanes[lane] = static_cast<uint32_t>(lane);
  UnsignedVector bits = lanes + static_cast<uint32_t>(first_element);
  bits ^= rounding;
  bits ^= bits >> 16;
  bits *= 0x85ebca6bu;
  bits ^= bits >> 13;
  bits *= 0xc2b2ae35u;
  return bits ^ (bits >> 16);
}

/// Between 0 and 1, from the low 16 bits.
inline __attribute__((always_inline)) Vector share_of(UnsignedVector bits) {
  return __builtin_convertvector(reinterpret_cast<IntegerVector>(bits & 0xffffu), Vector) * 0x1p-16f + 0x1p-17f;
}

/// Codes of numbers that are 1 / `inverse` times too large, in [−1, 1] then. A number between two codes' becomes the
/// upper one where it has more than `share` of the way to it behind itself.
inline __attribute__((always_inline)) IntegerVector encoded(const DynamicMap& map, Vector value, float inverse,
                                                            Vector share) {
  const Vector magnitude = absolute(value) * inverse;
  Vector steps = splat<Vector>(map.steps[0]), scale = splat<Vector>(map.scale[0]);
#pragma GCC unroll 7
  for (int decade = 1; decade < DynamicMap::kDecades; ++decade) {
    const IntegerVector inside = magnitude >= share * map.gap[decade] + map.below[decade];
    steps = inside ? splat<Vector>(map.steps[decade]) : steps;
    scale = inside ? splat<Vector>(map.scale[decade]) : scale;
  }
  const Vector last = steps + steps - 0.5f;
  Vector place = magnitude * scale + (steps * (8.0f / 9.0f) + (0.5f - share));
  place = place > last ? last : place;
  place = place < steps ? steps : place;
  IntegerVector code = __builtin_convertvector(place, IntegerVector);
  const IntegerVector negative = value < 0.0f;
  if (map.with_sign) code |= negative & 128;
  const IntegerVector is_one = (magnitude >= share * map.gap_to_one + map.below_one) & ~negative;
  code = is_one ? IntegerVector{} + map.one : code;
  return magnitude >= share * map.gap[0] + map.below[0] ? code : IntegerVector{};
}

constexpr int64_t kMomentBlock = 256;

/// The numbers that codes represent.
inline __attribute__((always_inline)) Vector numbers_of(const DynamicMap& map, const uint8_t* codes) {
  const IntegerVector places = load_bytes(codes);
#if defined(__AVX512F__)
  return _mm512_mask_i32gather_ps(Vector{}, 0xffff, reinterpret_cast<__m512i>(places), map.values, 4);
#elif defined(__AVX2__)
  const Vector all = reinterpret_cast<Vector>(IntegerVector{} - 1);
  return _mm256_mask_i32gather_ps(Vector{}, map.values, reinterpret_cast<__m256i>(places), all, 4);
#else
  Vector numbers;
  for (int lane = 0; lane < kLanes; ++lane) numbers[lane] = map.values[places[lane]];
  return numbers;
#endif
}

/// Below it a block's largest magnitude counts as zero: its inverse would be no float.
constexpr float kLeastLargest = 1e-37f;

inline float largest_of(Vector largest) {
  float lanes[kLanes];
  store(lanes, largest);
  for (int width = kLanes / 2; width > 0; width /= 2) {
    for (int lane = 0; lane < width; ++lane)
      lanes[lane] = lanes[lane] > lanes[lane + width] ? lanes[lane] : lanes[lane + width];
  }
  const float most = lanes[0];
  return most < kLeastLargest ? 0.0f : most;
}

inline float inverse_of(float largest) { return largest > 0.0f ? 1.0f / largest : 0.0f; }

inline void adamw_quantised(const AdamWFactors& factors, const DynamicMap& first_map, const DynamicMap& second_map,
                            const float* gradient, int64_t first_element, int64_t count, float* parameter,
                            const MomentBlock& moments) {
  float first[kMomentBlock], roots[kMomentBlock];
  uint8_t first_codes[kMomentBlock] = {}, second_codes[kMomentBlock] = {};
  __builtin_memcpy(first_codes, moments.first, count);
  __builtin_memcpy(second_codes, moments.second, count);
  const float first_scale = *moments.first_largest, root_scale = *moments.second_largest;
  Vector largest_m = {}, largest_root = {};
  for_vectors(count, [&](int64_t i, int64_t here) {
    Vector m = numbers_of(first_map, first_codes + i) * first_scale;
    Vector root = numbers_of(second_map, second_codes + i) * root_scale, v = root * root;
    store_up_to(parameter + i,
                stepped(factors, load_up_to(gradient + i, here), load_up_to(parameter + i, here), m, v, root), here);
    store(first + i, m);
    store(roots + i, root);
    largest_m = larger(absolute(m), largest_m);
    largest_root = larger(root, largest_root);
  });
  *moments.first_largest = largest_of(largest_m);
  *moments.second_largest = largest_of(largest_root);
  const float inverse_m = inverse_of(*moments.first_largest), inverse_root = inverse_of(*moments.second_largest);
  for (int64_t i = 0; i < count; i += kLanes) {
    const UnsignedVector bits = bits_of_elements(factors.rounding, first_element + i);
    store_bytes(first_codes + i, encoded(first_map, load(first + i), inverse_m, share_of(bits)));
    store_bytes(second_codes + i, encoded(second_map, load(roots + i), inverse_root, share_of(bits >> 16)));
  }
  __builtin_memcpy(moments.first, first_codes, count);
  __builtin_memcpy(moments.second, second_codes, count);
}

}  // namespace dnd::cpu::DND_ISA
