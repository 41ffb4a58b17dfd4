#pragma once

#include <stdexcept>
#include <string>

namespace dnd {

enum class ErrorCode { kInvalidArgument, kOutOfMemory, kAborted, kInternal, kUnavailable, kCorruptFile };

/// Every failure of the native core. The bindings turn it into `CODE: message`.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ErrorCode code() const { return code_; }

 private:
  ErrorCode code_;
};

}  // namespace dnd
