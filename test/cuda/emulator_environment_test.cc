/// Settings of the emulator that programs in other languages make by environment variables.

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "core/status.h"
#include "test/cuda/device_buffer.h"

namespace dnd::test {
namespace {

using namespace dnd::cuda;

/// Variables that are restored after the test.
class EmulatorEnvironment : public testing::Test {
 protected:
  static void set(const char* name, const std::string& value) { setenv(name, value.c_str(), 1); }

  ~EmulatorEnvironment() override {
    for (const char* name : {"DND_EMULATOR_DRIVER_VERSION", "DND_EMULATOR_MEMORY_LIMIT", "DND_EMULATOR_FAIL_AT"}) {
      unsetenv(name);
    }
    dnd_emulator_reset();
  }
};

TEST_F(EmulatorEnvironment, IsReadWheneverTheDevicesAreCounted) {
  set("DND_EMULATOR_MEMORY_LIMIT", "5000");
  EXPECT_NE(runtime::memory_info().total_bytes, 5000);
  runtime::device_count();
  EXPECT_EQ(runtime::memory_info().total_bytes, 5000);
  set("DND_EMULATOR_DRIVER_VERSION", "12080");
  EXPECT_THROW(runtime::device_count(), Error);
  set("DND_EMULATOR_DRIVER_VERSION", "13000");
  EXPECT_EQ(runtime::device_count(), 1);
}

TEST_F(EmulatorEnvironment, MakesACallFailOnceForEachNewValue) {
  set("DND_EMULATOR_FAIL_AT", "2");
  EXPECT_EQ(runtime::device_count(), 1);
  EXPECT_THROW(runtime::memory_info(), Error);
  EXPECT_EQ(runtime::device_count(), 1);
  EXPECT_NO_THROW(runtime::memory_info());
  set("DND_EMULATOR_FAIL_AT", "1");
  EXPECT_THROW(runtime::device_count(), Error);
}

TEST_F(EmulatorEnvironment, NamesAFileThatTellsWhatAProcessLeft) {
  const std::string path = testing::TempDir() + "emulator-report-" + std::to_string(getpid()) + ".json";
  const auto leave = [&] {
    set("DND_EMULATOR_REPORT", path);
    runtime::allocate(40);
    runtime::release(runtime::allocate(60));
    std::exit(0);
  };
  EXPECT_EXIT(leave(), testing::ExitedWithCode(0), "");
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  EXPECT_NE(line.find("\"calls\":2,"), std::string::npos) << line;
  EXPECT_NE(line.find("\"liveBytes\":40,"), std::string::npos) << line;
  EXPECT_NE(line.find("\"peakBytes\":100,"), std::string::npos) << line;
  EXPECT_NE(line.find("\"failure\":\"\""), std::string::npos) << line;
  std::remove(path.c_str());
}

}  // namespace
}  // namespace dnd::test
