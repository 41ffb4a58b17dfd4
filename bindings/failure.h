#pragma once

#include <napi.h>

#include <exception>
#include <string>
#include <utility>

namespace dnd::bindings {

/// `CODE: sentence` of an exception, as `src/engine/errors.ts` reads it.
std::string describe_failure(std::exception_ptr failure);

/// Runs the body of a function called from JavaScript; turns exceptions into a JavaScript Error with a code.
template <class Body>
auto guarded(Napi::Env env, Body&& body) -> decltype(body()) {
  try {
    return std::forward<Body>(body)();
  } catch (const Napi::Error&) {
    throw;
  } catch (...) {
    throw Napi::Error::New(env, describe_failure(std::current_exception()));
  }
}

}  // namespace dnd::bindings
