#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

namespace dnd::test {

/// Seeded values in (−1, 1), the same on every machine.
inline std::vector<float> random_values(int64_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<float> values(count);
  for (float& value : values) value = (static_cast<float>(random() >> 8) - 8388607.5f) / 8388608.0f;
  return values;
}

/// ‖a − b‖ / ‖b‖; 0 when both are zero.
template <typename First, typename Second>
double relative_error(const First& a, const Second& b) {
  double difference = 0, norm = 0;
  for (size_t i = 0; i < b.size(); ++i) {
    const double delta = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    difference += delta * delta;
    norm += static_cast<double>(b[i]) * static_cast<double>(b[i]);
  }
  return difference == 0 ? 0 : std::sqrt(difference / norm);
}

}  // namespace dnd::test
