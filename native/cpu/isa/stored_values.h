#pragma once

#include <cstring>

#include "backend.h"
#include "cpu/isa/masked.h"
#include "cpu/isa/vector.h"

/// Vectors of weights as they are stored, as float32.
namespace dnd::cpu::DND_ISA {

typedef uint32_t Bits __attribute__((vector_size(kVectorBytes)));
typedef uint16_t HalfBits __attribute__((vector_size(kVectorBytes / 2)));
typedef uint16_t UnalignedHalfBits __attribute__((vector_size(kVectorBytes / 2), aligned(2), may_alias));

template <DndWeightType kType>
struct Stored;

template <>
struct Stored<kDndFloat32Weight> {
  using Element = float;
  static __attribute__((always_inline)) Vector load(const float* source) { return DND_ISA::load(source); }
  static __attribute__((always_inline)) Vector load_first(const float* source, int64_t count) {
    return DND_ISA::load_first(source, count);
  }
};

/// Both have 16 bits, which `widened` turns into those of float32 numbers.
template <class Format>
struct StoredHalves {
  using Element = uint16_t;
  static __attribute__((always_inline)) Vector load(const uint16_t* source) {
    return Format::widened(__builtin_convertvector(*reinterpret_cast<const UnalignedHalfBits*>(source), Bits));
  }
  static __attribute__((always_inline)) Vector load_first(const uint16_t* source, int64_t count) {
    HalfBits some = {};
    std::memcpy(&some, source, static_cast<size_t>(count) * sizeof(uint16_t));
    return Format::widened(__builtin_convertvector(some, Bits));
  }
};

template <>
struct Stored<kDndBfloat16Weight> : StoredHalves<Stored<kDndBfloat16Weight>> {
  static __attribute__((always_inline)) Vector widened(Bits bits) { return (Vector)(bits << 16); }
};

/// As core/float_conversion.cc, of finite numbers.
template <>
struct Stored<kDndFloat16Weight> : StoredHalves<Stored<kDndFloat16Weight>> {
  static __attribute__((always_inline)) Vector widened(Bits bits) {
    constexpr uint32_t kRebias = uint32_t{127 - 15} << 23, kSmallestNormal = uint32_t{127 - 14} << 23;
    const Bits magnitude = (bits & 0x7fff) << 13, normal = magnitude + kRebias;
    // A subnormal m·2⁻²⁴ is 2⁻¹⁴·(1 + m/1024), whose bits are at hand, less 2⁻¹⁴.
    const Vector subnormal = (Vector)(magnitude | kSmallestNormal) - (Vector)(Bits{} + kSmallestNormal);
    const Bits if_subnormal = (Bits)((bits & 0x7c00) == 0);
    return (Vector)(((Bits)subnormal & if_subnormal) | (normal & ~if_subnormal) | (bits & 0x8000) << 16);
  }
};

template <DndWeightType kType>
inline void widen(const void* source, int64_t count, float* destination) {
  using Values = Stored<kType>;
  const auto* const values = static_cast<const typename Values::Element*>(source);
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) store(destination + i, Values::load(values + i));
  if (i < count) store_first(destination + i, Values::load_first(values + i, count - i), count - i);
}

}  // namespace dnd::cpu::DND_ISA
