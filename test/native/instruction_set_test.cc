#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "core/status.h"
#include "cpu/isa/select.h"
#include "cpu/isa/x86_features.h"

namespace dnd::cpu {
namespace {

TEST(InstructionSets, begin_with_the_baseline_and_the_best_is_chosen_when_none_is_named) {
  const auto available = available_kernels();
  EXPECT_STREQ(available.front()->name, "baseline");
  EXPECT_EQ(&select_kernels(""), available.back());
  for (const Kernels* kernels : available) EXPECT_EQ(&select_kernels(kernels->name), kernels);
}

#if defined(__linux__) && defined(__x86_64__)
TEST(InstructionSets, of_the_processor_are_those_that_linux_tells) {
  std::ifstream information("/proc/cpuinfo");
  std::set<std::string> flags;
  for (std::string line; std::getline(information, line) && flags.empty();) {
    if (!line.starts_with("flags")) continue;
    std::istringstream words(line);
    for (std::string word; words >> word;) flags.insert(word);
  }
  ASSERT_TRUE(flags.contains("sse2"));
  const auto all_of = [&](std::initializer_list<const char*> names) {
    return std::all_of(names.begin(), names.end(), [&](const char* name) { return flags.contains(name); });
  };
  EXPECT_EQ(x86_features().avx2, all_of({"avx2", "fma"}));
  EXPECT_EQ(x86_features().avx512, all_of({"avx2", "fma", "avx512f", "avx512bw", "avx512dq", "avx512vl"}));
  EXPECT_EQ(x86_features().avx512bf16, x86_features().avx512 && all_of({"avx512_bf16"}));
}
#endif

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
