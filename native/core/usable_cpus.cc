#include "core/usable_cpus.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <sstream>
#include <thread>
#include <vector>

#if defined(__linux__)
#include <sched.h>
#endif

namespace dnd {
namespace {

constexpr double kUnlimited = std::numeric_limits<double>::infinity();

int allowed_cores() {
#if defined(__linux__)
  cpu_set_t cores;
  if (sched_getaffinity(0, sizeof(cores), &cores) == 0) return std::max(1, CPU_COUNT(&cores));
#endif
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

/// CPUs that a quota of `quota` microseconds per period amounts to. Kernels write "max" or −1 where there is none.
double cpus_of(std::istream&& quota, std::istream&& period) {
  double granted = 0, each = 0;
  return quota >> granted && period >> each && granted > 0 && each > 0 ? granted / each : kUnlimited;
}

double quota_version_2(const std::string& group) {
  std::ifstream file(group + "/cpu.max");
  std::string quota, period;
  file >> quota >> period;
  return cpus_of(std::istringstream(quota), std::istringstream(period));
}

double quota_version_1(const std::string& group) {
  return cpus_of(std::ifstream(group + "/cpu.cfs_quota_us"), std::ifstream(group + "/cpu.cfs_period_us"));
}

/// The least quota from the group at `path` up to the root of the mount. Inside a container the path may be that of the
/// host while the mount is the container's own: its root then counts.
double least_quota(const std::string& mount, std::string path, double (*quota)(const std::string& group)) {
  double least = quota(mount);
  for (; !path.empty(); path.erase(path.find_last_of('/'))) least = std::min(least, quota(mount + path));
  return least;
}

/// Whether a comma-separated list of controllers names that of the CPU time.
bool has_cpu(const std::string& controllers) { return ("," + controllers + ",").find(",cpu,") != std::string::npos; }

double granted_cpus(const std::string& root) {
  double least = kUnlimited;
  std::ifstream groups(root + "/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {  // hierarchy:controllers:path
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos || second + 1 >= line.size() || line[second + 1] != '/') continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    const std::string mount = root + "/sys/fs/cgroup";
    if (controllers.empty()) {
      least = std::min(least, least_quota(mount, path, quota_version_2));
    } else if (has_cpu(controllers)) {
      least = std::min(least, least_quota(mount + "/cpu", path, quota_version_1));
      least = std::min(least, least_quota(mount + "/" + controllers, path, quota_version_1));
    }
  }
  return least;
}

}  // namespace

int usable_cpus(const std::string& root) {
  const int cores = allowed_cores();
  const double granted = granted_cpus(root);
  return granted < cores ? std::max(1, static_cast<int>(std::ceil(granted))) : cores;
}

}  // namespace dnd
