#include "plan/rates.h"

#include "core/status.h"

namespace dnd {
namespace {

// Measured on a two-core Intel Xeon of 2023 (Emerald Rapids, 2 MB of second-level cache a core) with both narrower
// instruction sets forced. Only their ratios decide; those of an AMD EPYC 9005 (Zen 5) are the same within a third.
constexpr InstructionSetRates kBaseline = {
    .name = "baseline",
    .lanes = 4,
    .panel_vectors = 2,
    .forward_level = 1.42,
    .inverse_level = 1.31,
    .halve_tap = 3.2,
    .weight_component = 1.1,
    .weight_component_half_cubed = 0.001,
    .product_row = 0.30,
    .product_slab = 0.1,
    .product_sum = 0.5,
    .adjoint_component = 0.8,
    .adjoint_tap = 5,
    .direct_step = 0.28,
    .direct_gradient_step = 0.36};

// Not measured, for want of a machine: the rates of the baseline, whose vectors are as wide.
constexpr InstructionSetRates of_neon() {
  InstructionSetRates rates = kBaseline;
  rates.name = "neon";
  rates.panel_vectors = 4;
  return rates;
}

constexpr InstructionSetRates kAvx512 = {
    .name = "avx512",
    .lanes = 16,
    .panel_vectors = 4,
    .forward_level = 2.25,
    .inverse_level = 2.45,
    .halve_tap = 12.5,
    .weight_component = 1.85,
    .weight_component_half_cubed = 0.005,
    .product_row = 0.24,
    .product_slab = 0.1,
    .product_sum = 0.5,
    .adjoint_component = 1.4,
    .adjoint_tap = 9,
    .direct_step = 0.2,
    .direct_gradient_step = 0.26};

constexpr InstructionSetRates of_avx512bf16() {
  InstructionSetRates rates = kAvx512;
  rates.name = "avx512bf16";
  rates.channels_of_element = 2;
  rates.product_row = 0.12;
  return rates;
}

constexpr InstructionSetRates kTable[] = {
    kBaseline,
    {.name = "avx2",
     .lanes = 8,
     .panel_vectors = 2,
     .forward_level = 1.6,
     .inverse_level = 1.6,
     .halve_tap = 6.2,
     .weight_component = 1.85,
     .weight_component_half_cubed = 0.001,
     .product_row = 0.21,
     .product_slab = 0.1,
     .product_sum = 0.5,
     .adjoint_component = 0.7,
     .adjoint_tap = 4,
     .direct_step = 0.195,
     .direct_gradient_step = 0.25},
    kAvx512,
    of_avx512bf16(),
    of_neon(),
};

}  // namespace

const InstructionSetRates& rates_of(const std::string& instruction_set) {
  for (const InstructionSetRates& rates : kTable) {
    if (instruction_set == rates.name) return rates;
  }
  throw Error(ErrorCode::kInvalidArgument, "no committed rates for the instruction set '" + instruction_set + "'");
}

}  // namespace dnd
