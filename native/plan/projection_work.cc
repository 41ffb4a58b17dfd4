#include "plan/projection_work.h"

#include "plan/rates.h"

namespace dnd {

ProjectionWork plan_projection(const Feature& first, int64_t length, int64_t batch,
                               const std::string& instruction_set) {
  const InstructionSetRates& rates = rates_of(instruction_set);
  if (length == 0) return {0, 0};
  constexpr double kNanosecond = 1e-9;
  const auto rows = static_cast<double>(batch) * static_cast<double>(first.tokens * first.width);
  const auto height = static_cast<double>(first.height);
  const double down = rows * static_cast<double>(length) * height, gate = rows * height * height;
  const double multiply_adds = 2 * down + 3 * gate;  // the gradient of the condition is not needed
  return {multiply_adds, multiply_adds / rates.lanes * rates.direct_step * kNanosecond};
}

}  // namespace dnd
