#include <gtest/gtest.h>

#include <cstdlib>
#include <set>
#include <string>

#include "core/status.h"
#include "cpu/isa/select.h"

namespace {

/// Skips the suite by name when DND_CPU_ISA asks for an instruction set that this machine lacks; a name that no machine
/// knows fails.
class InstructionSet : public testing::Environment {
 public:
  void SetUp() override {
    const char* wanted = std::getenv("DND_CPU_ISA");
    if (wanted == nullptr) return;
    ASSERT_TRUE(std::set<std::string>({"baseline", "avx2", "avx512", "neon"}).contains(wanted)) << wanted;
    try {
      dnd::cpu::select_kernels(wanted);
    } catch (const dnd::Error& error) {
      GTEST_SKIP() << "this machine cannot run " << wanted << ": " << error.what();
    }
  }
};

}  // namespace

int main(int count, char** arguments) {
  testing::InitGoogleTest(&count, arguments);
  testing::AddGlobalTestEnvironment(new InstructionSet);
  return RUN_ALL_TESTS();
}
