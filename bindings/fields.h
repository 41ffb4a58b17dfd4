#pragma once

#include <napi.h>

#include <cstdint>
#include <string>

namespace dnd::bindings {

/// Builder of a JavaScript object from numbers of any type and other values.
class Fields {
 public:
  explicit Fields(Napi::Env env) : object_(Napi::Object::New(env)) {}

  Fields& set(const char* name, int64_t value) { return set(name, static_cast<double>(value)); }
  Fields& set(const char* name, const char* value) { return set(name, std::string(value)); }
  Fields& set(const char* name, const Fields& value) { return set(name, value.object_); }
  template <class Value>
  Fields& set(const char* name, const Value& value) {
    object_.Set(name, value);
    return *this;
  }

  Napi::Object object() const { return object_; }

 private:
  Napi::Object object_;
};

}  // namespace dnd::bindings
