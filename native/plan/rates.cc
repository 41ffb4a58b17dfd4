#include "plan/rates.h"

#include "core/status.h"

namespace dnd {
namespace {

// Measured on an AMD EPYC 9005 (Zen 5) with both narrower instruction sets forced; only their ratios matter.
constexpr InstructionSetRates kTable[] = {
    {.name = "baseline",
     .lanes = 4,
     .forward_point = 0,
     .forward_level = 0.70,
     .inverse_point = 0,
     .inverse_level = 0.59,
     .halve_tap = 2.6,
     .weight_component = 0.5,
     .weight_component_half_cubed = 0.001,
     .product_row = 0.174,
     .product_slab = 0.083,
     .product_sum = 0.3,
     .product_far_sum = 0.1,
     .direct_step = 0.18},
    {.name = "avx2",
     .lanes = 8,
     .forward_point = 4.2,
     .forward_level = 0.29,
     .inverse_point = 0,
     .inverse_level = 0.6,
     .halve_tap = 3.2,
     .weight_component = 0.5,
     .weight_component_half_cubed = 0.001,
     .product_row = 0.121,
     .product_slab = 0.161,
     .product_sum = 0.4,
     .product_far_sum = 0.2,
     .direct_step = 0.14},
    {.name = "avx512",
     .lanes = 16,
     .forward_point = 4.7,
     .forward_level = 0.6,
     .inverse_point = 1.8,
     .inverse_level = 0.7,
     .halve_tap = 5.5,
     .weight_component = 0.75,
     .weight_component_half_cubed = 0.0012,
     .product_row = 0.087,
     .product_slab = 0.296,
     .product_sum = 2.1,
     .product_far_sum = 1.3,
     .direct_step = 0.145},
};

}  // namespace

const InstructionSetRates& rates_of(const std::string& instruction_set) {
  for (const InstructionSetRates& rates : kTable) {
    if (instruction_set == rates.name) return rates;
  }
  throw Error(ErrorCode::kInvalidArgument, "no committed rates for the instruction set '" + instruction_set + "'");
}

}  // namespace dnd
