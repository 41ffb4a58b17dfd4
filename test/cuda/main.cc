#include <gtest/gtest.h>

#include "test/cuda/emulator/control.h"

namespace {

/// Every test starts on a fresh device, and fails when it leaves something of its own behind.
class FreshDevice : public testing::EmptyTestEventListener {
  void OnTestStart(const testing::TestInfo&) override { dnd_emulator_reset(); }

  void OnTestEnd(const testing::TestInfo& test) override {
    if (test.result()->Failed()) return;
    EXPECT_EQ(dnd_emulator_live_bytes(), 0) << "device memory is left";
    EXPECT_EQ(dnd_emulator_live_host_bytes(), 0) << "page-locked memory is left";
    EXPECT_EQ(dnd_emulator_live_objects(), 0) << "streams, events or graphs are left";
    EXPECT_STREQ(dnd_emulator_failure(), "") << "a failure was not asked for";
  }
};

}  // namespace

int main(int count, char** arguments) {
  testing::InitGoogleTest(&count, arguments);
  testing::UnitTest::GetInstance()->listeners().Append(new FreshDevice);
  return RUN_ALL_TESTS();
}
