#include "background_job.h"

#include <exception>
#include <utility>

#include "array_buffer.h"
#include "failure.h"

namespace dnd::bindings {
namespace {

Napi::Array numbers(Napi::Env env, const std::vector<double>& values) {
  const Napi::Array array = Napi::Array::New(env, values.size());
  for (uint32_t i = 0; i < values.size(); ++i) array.Set(i, values[i]);
  return array;
}

Napi::Object describe(Napi::Env env, const MeasurementResult& measured) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("seconds", numbers(env, measured.seconds));
  if (measured.part_seconds.empty()) return object;
  object.Set("partSeconds", numbers(env, measured.part_seconds));
  object.Set("productFlop", measured.product_flop);
  object.Set("pointsI", static_cast<double>(measured.points_i));
  object.Set("pointsJ", static_cast<double>(measured.points_j));
  return object;
}

Napi::Value to_javascript(Napi::Env env, JobResult&& result) {
  if (auto* measured = std::get_if<MeasurementResult>(&result)) return describe(env, *measured);
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
