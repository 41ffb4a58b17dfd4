#include "model/relative_positions.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace dnd {

std::vector<int32_t> relative_buckets(int64_t span, int64_t buckets, int64_t max_distance) {
  const int64_t half = buckets / 2, exact = half / 2;
  // In float, as in Hugging Face's code: whether a distance is just in a bucket depends on the rounding.
  const float range = static_cast<float>(std::log(static_cast<double>(max_distance) / static_cast<double>(exact)));
  std::vector<int32_t> result;
  result.reserve(static_cast<size_t>(2 * span + 1));
  for (int64_t distance = -span; distance <= span; ++distance) {
    const int64_t size = std::abs(distance);
    int64_t bucket = size;
    if (size >= exact) {
      const float ratio = std::log(static_cast<float>(size) / static_cast<float>(exact)) / range;
      bucket = std::min(exact + static_cast<int64_t>(ratio * static_cast<float>(half - exact)), half - 1);
    }
    result.push_back(static_cast<int32_t>(bucket + (distance > 0 ? half : 0)));
  }
  return result;
}

std::vector<float> rotary_table(int64_t positions, int64_t head_width, double theta) {
  const int64_t half = head_width / 2;
  std::vector<float> table(static_cast<size_t>(positions * head_width));
  for (int64_t i = 0; i < half; ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(head_width);
    const float power = static_cast<float>(std::pow(static_cast<double>(static_cast<float>(theta)), double{exponent}));
    const float frequency = 1.0f / power;
    for (int64_t position = 0; position < positions; ++position) {
      const double angle = static_cast<float>(position) * frequency;
      table[static_cast<size_t>(position * head_width + i)] = static_cast<float>(std::cos(angle));
      table[static_cast<size_t>(position * head_width + half + i)] = static_cast<float>(std::sin(angle));
    }
  }
  return table;
}

}  // namespace dnd
