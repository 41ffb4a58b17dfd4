#include "background_job.h"

#include <exception>
#include <utility>

#include "array_buffer.h"
#include "failure.h"

namespace dnd::bindings {
namespace {

Napi::Value to_javascript(Napi::Env env, JobResult&& result) {
  if (auto* number = std::get_if<double>(&result)) return Napi::Number::New(env, *number);
  if (auto* floats = std::get_if<FloatResult>(&result)) return hand_over(env, std::move(floats->memory), floats->bytes);
  return env.Undefined();
}

}  // namespace

void BackgroundJob::run() {
  try {
    control->throw_if_cancelled();
    result = work(*control);
  } catch (...) {
    failure = describe_failure(std::current_exception());
  }
  work = nullptr;
}

void BackgroundJob::deliver(Napi::Env env) {
  inputs.clear();
  if (done.IsEmpty()) return;
  napi_value arguments[] = {env.Undefined(), env.Undefined()};
  if (failure.empty()) {
    try {
      arguments[1] = to_javascript(env, std::move(result));
    } catch (const std::exception& error) {
      failure = std::string("OUT_OF_MEMORY: the result could not be handed over: ") + error.what();
    }
  }
  if (!failure.empty()) napi_create_string_utf8(env, failure.data(), failure.size(), &arguments[0]);
  // An exception stays pending, for Node to treat as any other that nobody catches.
  napi_call_function(env, env.Undefined(), done.Value(), 2, arguments, nullptr);
}

}  // namespace dnd::bindings
