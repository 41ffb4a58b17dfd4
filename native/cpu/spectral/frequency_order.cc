#include "cpu/spectral/frequency_order.h"

namespace dnd::cpu {

FrequencyOrder frequency_order(int64_t halved_points, int64_t full_points) {
  FrequencyOrder order{};
  order.halved_points = halved_points;
  order.full_points = full_points;
  const int64_t half = full_points / 2;
  int32_t next = 0, next_symmetric = 0;
  for (int64_t f = 0; 4 * f <= full_points; ++f) {
    order.zero[f] = next_symmetric++;
    order.nyquist[f] = next_symmetric++;
    if (f != half - f) {
      order.zero[half - f] = next_symmetric++;
      order.nyquist[half - f] = next_symmetric++;
    }
    order.general[f] = next++;
    if (f != 0) order.general[full_points - f] = next++;
    if (f != half - f) {
      order.general[half - f] = next++;
      if (f != 0) order.general[half + f] = next++;
    }
  }
  return order;
}

int64_t points_of_steps(int64_t full_points, bool symmetric, int64_t begin, int64_t end) {
  const auto before = [&](int64_t step) -> int64_t {
    if (step > full_points / 4) return symmetric ? full_points + 2 : full_points;
    return symmetric || step == 0 ? 4 * step : 4 * step - 2;
  };
  return before(end) - before(begin);
}

}  // namespace dnd::cpu
