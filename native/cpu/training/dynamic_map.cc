#include "cpu/training/dynamic_map.h"

#include <cfloat>
#include <cmath>

namespace dnd::cpu {
namespace {

/// The middle of step `step` of decade `decade`, which has `steps` of them.
double value_of(int decade, int step, int steps) {
  return std::pow(10.0, decade - (DynamicMap::kDecades - 1)) * (0.1 + 0.9 * (step + 0.5) / steps);
}

DynamicMap make(bool with_sign) {
  DynamicMap map{};
  map.with_sign = with_sign;
  map.one = with_sign ? 128 : 1;
  map.values[map.one] = 1.0f;
  double previous = 0;  // the largest number of the decade before
  for (int decade = 0; decade < DynamicMap::kDecades; ++decade) {
    const int steps = 1 << (with_sign ? decade : decade + 1);
    for (int step = 0; step < steps; ++step) {
      const float value = static_cast<float>(value_of(decade, step, steps));
      map.values[steps + step] = value;
      if (with_sign) map.values[128 + steps + step] = -value;
    }
    map.below[decade] = static_cast<float>(previous);
    map.gap[decade] = static_cast<float>(value_of(decade, 0, steps) - previous);
    map.steps[decade] = static_cast<float>(steps);
    map.scale[decade] = static_cast<float>(steps / (0.9 * std::pow(10.0, decade - (DynamicMap::kDecades - 1))));
    previous = value_of(decade, steps - 1, steps);
  }
  map.below_one = static_cast<float>(previous);
  map.gap_to_one = static_cast<float>(1 - previous);
  if (!with_sign) map.below[0] = FLT_MIN, map.gap[0] = 0;
  return map;
}

}  // namespace

const DynamicMap& signed_dynamic_map() {
  static const DynamicMap map = make(true);
  return map;
}

const DynamicMap& unsigned_dynamic_map() {
  static const DynamicMap map = make(false);
  return map;
}

}  // namespace dnd::cpu
