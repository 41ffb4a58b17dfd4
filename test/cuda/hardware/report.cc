#include "test/cuda/hardware/report.h"

#include <cstdio>
#include <sstream>

#include "test/cuda/hardware/launches.h"

namespace dnd::cuda::hardware {

void Report::OnTestStart(const testing::TestInfo&) { take_launches(); }

void Report::OnTestEnd(const testing::TestInfo& test) {
  const testing::TestResult& result = *test.result();
  std::ostringstream line;
  line << "{\"test\": \"" << test.test_suite_name() << "." << test.name() << "\", \"passed\": "
       << (result.Passed() ? "true" : "false") << ", \"skipped\": " << (result.Skipped() ? "true" : "false");
  for (int i = 0; i < result.test_property_count(); ++i) {
    const testing::TestProperty& property = result.GetTestProperty(i);
    if (property.key() == std::string("relative_error")) line << ", \"relativeError\": " << property.value();
  }
  line << ", \"kernels\": [";
  const char* separator = "";
  for (const auto& [name, runs] : take_launches()) {
    line << separator << "{\"name\": \"" << name << "\", \"launches\": " << runs.launches
         << ", \"longestSeconds\": " << runs.longest_seconds << "}";
    separator = ", ";
  }
  line << "]}\n";
  // Opened for each line: what ran before a crash is there after it.
  if (std::FILE* out = std::fopen(file_.c_str(), "a")) {
    std::fputs(line.str().c_str(), out);
    std::fclose(out);
  }
}

}  // namespace dnd::cuda::hardware
