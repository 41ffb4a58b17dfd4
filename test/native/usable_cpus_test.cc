#include "core/usable_cpus.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>

namespace dnd {
namespace {

namespace fs = std::filesystem;

/// A folder used as `/`, with the files of control groups. Limits are far below one CPU or far above all, since
/// the machine of the test may have any number of them.
class UsableCpus : public testing::Test {
 protected:
  UsableCpus() : cores_(usable_cpus(root_.string())) {}
  ~UsableCpus() override { fs::remove_all(root_); }

  void write(const std::string& path, const std::string& text) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  int usable() const { return usable_cpus(root_.string()); }

  const fs::path root_ = fs::path(testing::TempDir()) / ("cgroups-" + std::to_string(getpid()));
  const int cores_;  ///< without any control group
};

TEST_F(UsableCpus, are_those_the_process_may_run_on_where_no_group_limits_them) {
  EXPECT_GE(cores_, 1);
  write("proc/self/cgroup", "0::/service\n");
  write("sys/fs/cgroup/service/cpu.max", "max 100000\n");
  EXPECT_EQ(usable(), cores_);
  write("sys/fs/cgroup/service/cpu.max", "999900000 100000\n");
  EXPECT_EQ(usable(), cores_);
}

TEST_F(UsableCpus, are_at_most_the_quota_of_the_group_rounded_up) {
  write("proc/self/cgroup", "0::/service\n");
  write("sys/fs/cgroup/service/cpu.max", "10000 100000\n");
  EXPECT_EQ(usable(), 1);
  write("sys/fs/cgroup/service/cpu.max", "150000 100000\n");
  EXPECT_EQ(usable(), std::min(cores_, 2));
}

TEST_F(UsableCpus, are_at_most_the_quota_of_the_tightest_ancestor) {
  write("proc/self/cgroup", "0::/a/b/c\n");
  write("sys/fs/cgroup/a/b/c/cpu.max", "max 100000\n");
  write("sys/fs/cgroup/a/b/cpu.max", "999900000 100000\n");
  write("sys/fs/cgroup/a/cpu.max", "100000 100000\n");
  EXPECT_EQ(usable(), 1);
}

TEST_F(UsableCpus, follow_the_limit_at_the_mount_when_the_path_is_that_of_the_host) {
  write("proc/self/cgroup", "0::/../../host/path\n");
  write("sys/fs/cgroup/cpu.max", "50000 100000\n");
  EXPECT_EQ(usable(), 1);
}

TEST_F(UsableCpus, follow_groups_of_version_1_under_either_name_of_their_mount) {
  write("proc/self/cgroup", "9:cpuset:/y\n5:cpu,cpuacct:/x\n0::/\n");
  write("sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_quota_us", "90000\n");
  write("sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(usable(), 1);
  write("sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_quota_us", "-1\n");
  EXPECT_EQ(usable(), cores_);
  write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "20000\n");
  write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(usable(), 1);
}

TEST_F(UsableCpus, ignore_groups_without_the_cpu_controller_and_invalid_files) {
  write("proc/self/cgroup", "9:cpuset:/x\nnonsense\n3:\n2:cpu\n1:cpu:\n0::/service\n");
  write("sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "1\n");
  write("sys/fs/cgroup/cpu/x/cpu.cfs_period_us", "100000\n");
  for (const char* text : {"", "0 100000", "100 0", "-5 100000", "nan nan", "100000"}) {
    write("sys/fs/cgroup/service/cpu.max", text);
    EXPECT_EQ(usable(), cores_) << text;
  }
}

}  // namespace
}  // namespace dnd
