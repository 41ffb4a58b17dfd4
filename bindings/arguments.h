#pragma once

#include <napi.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "core/thread_pool.h"

namespace dnd::bindings {

/// Part of an ArrayBuffer. Valid while `buffer` is referenced and neither detached nor resized.
struct Slice {
  Napi::ArrayBuffer buffer;
  const uint8_t* data;
  int64_t bytes;
};

/// JavaScript's Number.MAX_SAFE_INTEGER.
constexpr int64_t kLargestInteger = (int64_t{1} << 53) - 1;

/// An argument of a call, or a field of one, with its name for error messages. Every reader throws
/// Error(kInvalidArgument) with the name, the expected value and the actual one.
class Argument {
 public:
  Argument(const Napi::CallbackInfo& info, size_t index, const char* function, const char* name);

  Argument field(const char* name) const;

  int64_t integer(int64_t minimum, int64_t maximum = kLargestInteger) const;
  /// A number of threads; 0 = the engine's default.
  int threads() const { return int(integer(0, kMaxThreads)); }
  /// Finite.
  double number() const;
  double positive_number() const;
  double not_negative_number() const;
  /// ≥ 0 and < 1.
  double fraction() const;
  bool boolean() const;
  std::string text() const;
  /// Index of a string in the list of allowed ones.
  size_t choice(std::initializer_list<const char*> allowed) const;
  /// Of an array.
  std::vector<Argument> items() const;
  /// An array of integers ≥ `minimum`.
  std::vector<int64_t> integers(int64_t minimum) const;
  std::vector<int64_t> positive_integers() const { return integers(1); }
  Napi::Function function() const;
  /// An object with this type tag; `expected` says what it marks.
  Napi::Object tagged_object(const napi_type_tag* tag, const std::string& expected) const;
  bool is_null() const { return value_.IsNull(); }

  /// { buffer, byteOffset, byteLength }; a typed array is one.
  Slice slice() const;
  /// A slice of exactly the size of a dense tensor of four-byte elements ("float32", "int32").
  Slice tensor(const char* dtype, const std::vector<int64_t>& shape) const;

  /// For an offset: throws unless [offset, offset + count) is within the `size` "elements" or "bytes" of `name`.
  void require_within(int64_t offset, int64_t count, int64_t size, const char* units, const std::string& name) const;

  /// Throws: the argument is not `expected`. `got`: by default, the argument itself.
  [[noreturn]] void refuse(const std::string& expected) const { refuse(expected, got()); }
  [[noreturn]] void refuse(const std::string& expected, const std::string& got) const;

 private:
  Argument(Napi::Value value, std::string path) : value_(value), path_(std::move(path)) {}
  std::string got() const;
  /// NaN if not a number.
  double number_or_nan() const;

  Napi::Value value_;
  std::string path_;
};

/// Bytes of a dense tensor; Error(kInvalidArgument) if they overflow 63 bits.
int64_t tensor_bytes(const std::vector<int64_t>& shape, int64_t element_bytes = 4);

}  // namespace dnd::bindings
