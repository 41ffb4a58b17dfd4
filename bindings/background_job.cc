#include "background_job.h"

#include <cstring>
#include <exception>
#include <utility>

#include "array_buffer.h"
#include "failure.h"
#include "fields.h"

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

Napi::Value text_or_null(Napi::Env env, const std::string& text) {
  return text.empty() ? env.Null() : Napi::String::New(env, text);
}

Napi::Object describe(Napi::Env env, const DeviceInfoResult::Device& device) {
  const DndDeviceDescription& description = device.description;
  Napi::Object object = Napi::Object::New(env);
  object.Set("name", std::string(description.name));
  object.Set("memoryBytes", static_cast<double>(description.memory_bytes));
  object.Set("computeMajor", description.compute_major);
  object.Set("computeMinor", description.compute_minor);
  object.Set("driverVersion", description.driver_version);
  object.Set("runtimeVersion", description.runtime_version);
  object.Set("problem", text_or_null(env, device.problem));
  return object;
}

Napi::Object describe(Napi::Env env, const DeviceInfoResult& found) {
  Napi::Array devices = Napi::Array::New(env, found.devices.size());
  for (uint32_t i = 0; i < found.devices.size(); ++i) devices.Set(i, describe(env, found.devices[i]));
  Napi::Object object = Napi::Object::New(env);
  object.Set("library", found.library);
  object.Set("problem", text_or_null(env, found.problem));
  object.Set("devices", devices);
  return object;
}

Napi::Array hand_over_all(Napi::Env env, std::vector<FloatResult>& results) {
  Napi::Array array = Napi::Array::New(env, results.size());
  for (uint32_t i = 0; i < results.size(); ++i) {
    array.Set(i, hand_over(env, std::move(results[i].memory), results[i].bytes));
  }
  return array;
}

Napi::Array describe(Napi::Env env, const std::vector<DndTokenSums>& sums) {
  const Napi::Array array = Napi::Array::New(env, sums.size());
  for (uint32_t task = 0; task < sums.size(); ++task) {
    array.Set(task, Fields(env)
                        .set("valid", sums[task].valid)
                        .set("weightedSquares", sums[task].weighted_squares)
                        .set("outputSquares", sums[task].output_squares)
                        .set("targetSquares", sums[task].target_squares)
                        .set("product", sums[task].product)
                        .object());
  }
  return array;
}

Napi::Array describe(Napi::Env env, const std::vector<LikelihoodSum>& sums) {
  const Napi::Array array = Napi::Array::New(env, sums.size());
  for (uint32_t i = 0; i < sums.size(); ++i) {
    array.Set(i, Fields(env).set("sum", sums[i].sum).set("count", sums[i].count).object());
  }
  return array;
}

Napi::ArrayBuffer copy_of(Napi::Env env, const std::vector<int32_t>& ids) {
  Napi::ArrayBuffer copy = Napi::ArrayBuffer::New(env, ids.size() * sizeof(int32_t));
  if (!ids.empty()) std::memcpy(copy.Data(), ids.data(), ids.size() * sizeof(int32_t));
  return copy;
}

Napi::Array describe(Napi::Env env, const std::vector<SequenceLikelihood>& sequences) {
  const Napi::Array array = Napi::Array::New(env, sequences.size());
  for (uint32_t i = 0; i < sequences.size(); ++i) {
    const SequenceLikelihood& own = sequences[i];
    const Napi::ArrayBuffer predictions = copy_of(env, own.predictions);
    array.Set(i, Fields(env).set("sum", own.sum).set("count", own.count).set("predictions", predictions).object());
  }
  return array;
}

Napi::Array describe(Napi::Env env, const std::vector<GeneratedSequence>& sequences) {
  const Napi::Array array = Napi::Array::New(env, sequences.size());
  for (uint32_t i = 0; i < sequences.size(); ++i) {
    array.Set(i, Fields(env).set("ids", copy_of(env, sequences[i].ids)).set("ended", sequences[i].ended).object());
  }
  return array;
}

Napi::Object describe(Napi::Env env, AdapterGradientResult& result) {
  return Fields(env)
      .set("likelihoods", describe(env, result.likelihoods))
      .set("gradients", hand_over_all(env, result.gradients))
      .object();
}

Napi::Value describe(Napi::Env env, const NonFiniteResult& result) {
  if (!result.found) return env.Null();
  return Fields(env).set("name", result.name).set("element", result.element).object();
}

Napi::Value to_javascript(Napi::Env env, JobResult&& result) {
  if (auto* number = std::get_if<double>(&result)) return Napi::Number::New(env, *number);
  if (auto* sums = std::get_if<std::vector<DndTokenSums>>(&result)) return describe(env, *sums);
  if (auto* measured = std::get_if<MeasurementResult>(&result)) return describe(env, *measured);
  if (auto* floats = std::get_if<FloatResult>(&result)) return hand_over(env, std::move(floats->memory), floats->bytes);
  if (auto* several = std::get_if<std::vector<FloatResult>>(&result)) return hand_over_all(env, *several);
  if (auto* devices = std::get_if<DeviceInfoResult>(&result)) return describe(env, *devices);
  if (auto* likelihoods = std::get_if<std::vector<LikelihoodSum>>(&result)) return describe(env, *likelihoods);
  if (auto* scored = std::get_if<std::vector<SequenceLikelihood>>(&result)) return describe(env, *scored);
  if (auto* sequences = std::get_if<std::vector<GeneratedSequence>>(&result)) return describe(env, *sequences);
  if (auto* gradients = std::get_if<AdapterGradientResult>(&result)) return describe(env, *gradients);
  if (auto* value = std::get_if<NonFiniteResult>(&result)) return describe(env, *value);
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
      failure = std::string("OUT_OF_MEMORY: the result could not be passed to JavaScript: ") + error.what();
    }
  }
  if (!failure.empty()) napi_create_string_utf8(env, failure.data(), failure.size(), &arguments[0]);
  // An exception stays pending: Node treats it as uncaught.
  napi_call_function(env, env.Undefined(), done.Value(), 2, arguments, nullptr);
}

}  // namespace dnd::bindings
