#include <gtest/gtest.h>

#include <string>

#include "core/status.h"
#include "cpu/isa/select.h"

namespace dnd::cpu {
namespace {

TEST(InstructionSets, begin_with_the_baseline_and_the_best_is_chosen_when_none_is_named) {
  const auto available = available_kernels();
  EXPECT_STREQ(available.front()->name, "baseline");
  EXPECT_EQ(&select_kernels(""), available.back());
  for (const Kernels* kernels : available) EXPECT_EQ(&select_kernels(kernels->name), kernels);
}

TEST(InstructionSets, that_are_unknown_are_an_error_that_lists_the_known_ones) {
  try {
    select_kernels("avx1024");
    FAIL() << "avx1024 was accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_NE(std::string(error.what()).find("'avx1024'; this machine can run: baseline"), std::string::npos);
  }
}

}  // namespace
}  // namespace dnd::cpu
