#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace dnd::test {

/// Notes an error relative to a float64 reference with the running test, which keeps the largest. What tests on a GPU
/// note is written to docs/gpu.
inline void record_relative_error(double error) {
  constexpr const char* kKey = "relative_error";
  const testing::TestResult& result = *testing::UnitTest::GetInstance()->current_test_info()->result();
  for (int i = 0; i < result.test_property_count(); ++i) {
    const testing::TestProperty& known = result.GetTestProperty(i);
    if (known.key() == std::string(kKey) && !(std::atof(known.value()) < error)) return;
  }
  testing::Test::RecordProperty(kKey, std::to_string(error * 1e9) + "e-9");
}

}  // namespace dnd::test
