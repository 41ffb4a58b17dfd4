#include "arguments.h"

#include <cmath>
#include <limits>
#include <utility>

#include "core/status.h"

namespace dnd::bindings {
namespace {

std::string describe_shape(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + "]";
}

std::string quoted(const std::string& text) { return '"' + text + '"'; }

bool is_whole(double value) { return std::nearbyint(value) == value && std::fabs(value) <= double(kLargestInteger); }

std::string describe_integers(int64_t minimum, int64_t maximum) {
  const std::string from = "a whole number ≥ " + std::to_string(minimum);
  return maximum == kLargestInteger ? from : from + " and ≤ " + std::to_string(maximum);
}

}  // namespace

Argument::Argument(const Napi::CallbackInfo& info, size_t index, const char* function, const char* name)
    : value_(info[index]), path_(std::string(function) + ": " + name) {}

Argument Argument::field(const char* name) const {
  if (!value_.IsObject()) refuse("an object");
  return Argument(value_.As<Napi::Object>().Get(name), path_ + "." + name);
}

int64_t Argument::integer(int64_t minimum, int64_t maximum) const {
  const double value = number_or_nan();
  if (!is_whole(value) || value < double(minimum) || value > double(maximum)) {
    refuse(describe_integers(minimum, maximum));
  }
  return int64_t(value);
}

double Argument::number() const {
  const double value = number_or_nan();
  if (!std::isfinite(value)) refuse("a finite number");
  return value;
}

double Argument::positive_number() const {
  const double value = number_or_nan();
  if (!(value > 0) || std::isinf(value)) refuse("a finite number > 0");
  return value;
}

double Argument::not_negative_number() const {
  const double value = number_or_nan();
  if (!(value >= 0) || std::isinf(value)) refuse("a finite number ≥ 0");
  return value;
}

double Argument::fraction() const {
  const double value = number_or_nan();
  if (!(value >= 0 && value < 1)) refuse("a number ≥ 0 and < 1");
  return value;
}

double Argument::number_or_nan() const {
  return value_.IsNumber() ? value_.As<Napi::Number>().DoubleValue() : std::nan("");
}

bool Argument::boolean() const {
  if (!value_.IsBoolean()) refuse("true or false");
  return value_.As<Napi::Boolean>().Value();
}

std::string Argument::text() const {
  if (!value_.IsString()) refuse("a string");
  return value_.As<Napi::String>().Utf8Value();
}

size_t Argument::choice(std::initializer_list<const char*> allowed) const {
  std::string names;
  size_t position = 0;
  for (const char* name : allowed) {
    if (value_.IsString() && value_.As<Napi::String>().Utf8Value() == name) return position;
    names += (position++ == 0 ? "" : ", ") + quoted(name);
  }
  refuse("one of " + names);
}

std::vector<Argument> Argument::items() const {
  if (!value_.IsArray()) refuse("an array");
  const Napi::Array array = value_.As<Napi::Array>();
  std::vector<Argument> items;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    items.push_back(Argument(array.Get(i), path_ + "[" + std::to_string(i) + "]"));
  }
  return items;
}

std::vector<int64_t> Argument::integers(int64_t minimum) const {
  if (!value_.IsArray()) refuse("an array of whole numbers");
  std::vector<int64_t> numbers;
  for (const Argument& item : items()) numbers.push_back(item.integer(minimum));
  return numbers;
}

Napi::Function Argument::function() const {
  if (!value_.IsFunction()) refuse("a function");
  return value_.As<Napi::Function>();
}

Napi::Object Argument::tagged_object(const napi_type_tag* tag, const std::string& expected) const {
  if (!value_.IsObject() || !value_.As<Napi::Object>().CheckTypeTag(tag)) refuse(expected);
  return value_.As<Napi::Object>();
}

Slice Argument::slice() const {
  if (!value_.IsObject()) refuse("{ buffer, byteOffset, byteLength }");
  const Napi::Value buffer = value_.As<Napi::Object>().Get("buffer");
  if (!buffer.IsArrayBuffer()) {
    refuse("memory of an ArrayBuffer (one that is not shared between threads)", Argument(buffer, path_).got());
  }
  const Napi::ArrayBuffer memory = buffer.As<Napi::ArrayBuffer>();
  void* data = nullptr;
  size_t size = 0;
  if (napi_get_arraybuffer_info(memory.Env(), memory, &data, &size) != napi_ok) refuse("a readable ArrayBuffer");
  const int64_t offset = field("byteOffset").integer(0, int64_t(size));
  const int64_t bytes = field("byteLength").integer(0, int64_t(size) - offset);
  return {memory, static_cast<const uint8_t*>(data) + offset, bytes};
}

Slice Argument::tensor(const char* dtype, const std::vector<int64_t>& shape) const {
  const Slice found = slice();
  const int64_t expected = tensor_bytes(shape);
  if (found.bytes != expected) {
    refuse(std::to_string(expected) + " bytes, " + dtype + " " + describe_shape(shape),
           std::to_string(found.bytes) + " bytes");
  }
  if (reinterpret_cast<uintptr_t>(found.data) % 4 != 0) refuse("memory aligned to 4 bytes", "another byteOffset");
  return found;
}

void Argument::require_within(int64_t offset, int64_t count, int64_t size, const char* units,
                              const std::string& name) const {
  if (offset <= size && count <= size - offset) return;
  refuse(std::string(units) + " within the " + std::to_string(size) + " of " + name,
         "[" + std::to_string(offset) + ", " + std::to_string(offset + count) + ")");
}

void Argument::refuse(const std::string& expected, const std::string& got) const {
  throw Error(ErrorCode::kInvalidArgument, path_ + ": expected " + expected + ", got " + got);
}

std::string Argument::got() const {
  if (value_.IsEmpty() || value_.IsUndefined()) return "undefined";
  if (value_.IsNull()) return "null";
  if (value_.IsString()) return quoted(value_.As<Napi::String>().Utf8Value());
  if (value_.IsNumber() || value_.IsBoolean()) return value_.ToString().Utf8Value();
  if (value_.IsFunction()) return "a function";
  if (value_.IsArray()) return "an array";
  return value_.IsObject() ? "an object" : "something else";
}

int64_t tensor_bytes(const std::vector<int64_t>& shape, int64_t element_bytes) {
  int64_t bytes = element_bytes;
  for (int64_t size : shape) {
    if (size != 0 && bytes > std::numeric_limits<int64_t>::max() / size) {
      throw Error(ErrorCode::kInvalidArgument, "a tensor of shape " + describe_shape(shape) + " is too large");
    }
    bytes *= size;
  }
  return bytes;
}

}  // namespace dnd::bindings
