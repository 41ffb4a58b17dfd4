#include "plan/cuda_rates.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "core/status.h"

namespace dnd {
namespace {

std::string model_of(const char* runtime_name, int major, int minor) {
  return cuda_rates_of_device(runtime_name, major, minor).name;
}

TEST(CudaRates, are_found_by_the_device_name_of_the_runtime) {
  EXPECT_EQ(model_of("NVIDIA H200", 9, 0), "h200");
  EXPECT_EQ(model_of("NVIDIA A100-SXM4-80GB", 8, 0), "a100-sxm-80gb");
  EXPECT_EQ(model_of("NVIDIA A100-SXM4-40GB", 8, 0), "a100-40gb");
  EXPECT_EQ(model_of("NVIDIA A100 80GB PCIe", 8, 0), "a100-pcie-80gb");
  EXPECT_EQ(model_of("NVIDIA H100 80GB HBM3", 9, 0), "h100-sxm");
  EXPECT_EQ(model_of("NVIDIA H100 PCIe", 9, 0), "h100-pcie");
  EXPECT_EQ(model_of("NVIDIA GeForce RTX 4090", 8, 9), "rtx-4090");
  EXPECT_EQ(model_of("NVIDIA A10G", 8, 6), "a10");
}

TEST(CudaRates, are_those_of_a_part_of_a_device_too) {
  EXPECT_EQ(model_of("NVIDIA A100-SXM4-80GB (emulated)", 8, 0), "a100-sxm-80gb");
  EXPECT_EQ(model_of("NVIDIA A100-SXM4-80GB MIG 3g.40gb", 8, 0), "a100-sxm-80gb");
}

TEST(CudaRates, match_whole_words_of_names) {
  EXPECT_EQ(model_of("NVIDIA L4", 8, 9), "l4");
  EXPECT_EQ(model_of("NVIDIA L40S", 8, 9), "l40s");
  EXPECT_EQ(model_of("NVIDIA A100X", 8, 0), "a100-40gb");  // not an A10
}

TEST(CudaRates, of_an_unknown_device_are_those_of_its_compute_capability) {
  EXPECT_EQ(model_of("NVIDIA RTX 4000 Ada", 8, 9), "rtx-4090");
  EXPECT_EQ(model_of("NVIDIA A2", 8, 6), "rtx-3090");
  EXPECT_EQ(model_of("Orin", 8, 7), "rtx-3090");
  EXPECT_EQ(model_of("NVIDIA GH200 480GB", 9, 0), "h100-sxm");
  EXPECT_EQ(model_of("NVIDIA B300", 10, 3), "b200");
  EXPECT_EQ(model_of("of years to come", 13, 1), "rtx-5090");
}

TEST(CudaRates, refuse_a_device_that_is_too_old) {
  try {
    cuda_rates_of_device("Tesla V100", 7, 0);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
    EXPECT_NE(std::string(error.what()).find("Tesla V100 has compute capability 7.0"), std::string::npos);
  }
}

TEST(CudaRates, of_an_unknown_model_are_an_error_that_lists_the_known_ones) {
  try {
    cuda_rates_of("voodoo");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_NE(std::string(error.what()).find("'voodoo'; there are those of a100-sxm-80gb, "), std::string::npos);
  }
}

TEST(CudaRates, are_plausible) {
  std::set<std::string> names;
  for (const CudaRates& rates : cuda_rates()) {
    SCOPED_TRACE(rates.name);
    EXPECT_TRUE(names.insert(rates.name).second);
    EXPECT_EQ(&cuda_rates_of(rates.name), &rates);
    EXPECT_GE(rates.compute_major, 8);
    EXPECT_LT(rates.shared_bytes_of_block, rates.shared_bytes);
    EXPECT_LT(rates.level2_bytes, rates.memory_bytes);
    EXPECT_LT(rates.attainable_bytes_per_second(), rates.bytes_per_second);
    EXPECT_LT(rates.attainable_half_flop_per_second(), rates.half_flop_per_second);
    EXPECT_LT(rates.attainable_float_flop_per_second(), rates.float_flop_per_second);
    // Tensor cores are faster than the other units, and a cache is faster than memory.
    EXPECT_GT(rates.attainable_half_flop_per_second(), rates.attainable_float_flop_per_second());
    EXPECT_GT(rates.attainable_level2_bytes_per_second(), 0.8 * rates.attainable_bytes_per_second());
    // Two operations of 128 lanes a clock, 64 on an A100; makers' boost clocks differ a little between their figures.
    const double lanes = rates.compute_minor == 0 && rates.compute_major == 8 ? 64 : 128;
    EXPECT_NEAR(rates.float_flop_per_second / (2 * lanes * rates.clock_hertz * rates.multiprocessors), 1, 0.12);
  }
}

}  // namespace
}  // namespace dnd
