#pragma once

#include <gtest/gtest.h>

#include <string>

namespace dnd::cuda::hardware {

/// Adds a line of JSON to `file` for each test: its name, whether it passed, its error against the reference where it
/// noted one, the kernels that it launched and how long the longest launch of each took.
class Report : public testing::EmptyTestEventListener {
 public:
  explicit Report(std::string file) : file_(std::move(file)) {}

 private:
  void OnTestStart(const testing::TestInfo&) override;
  void OnTestEnd(const testing::TestInfo& test) override;

  std::string file_;
};

}  // namespace dnd::cuda::hardware
