#include "model/parameter_store.h"

#include "core/status.h"

namespace dnd {
namespace {

std::string shape_text(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (int64_t size : shape) text += (text.size() > 1 ? ", " : "") + std::to_string(size);
  return text + "]";
}

int64_t checked_bytes(const std::string& name, const std::vector<int64_t>& shape, int64_t already) {
  int64_t bytes = sizeof(float);
  bool overflow = false;
  for (int64_t size : shape) overflow |= __builtin_mul_overflow(bytes, size, &bytes);
  int64_t total;
  if (overflow || __builtin_add_overflow(bytes, already, &total)) {
    throw Error(ErrorCode::kInvalidArgument, name + " " + shape_text(shape) + ": size overflow");
  }
  return bytes;
}

}  // namespace

float* ParameterStore::add_stacked(const std::vector<std::string>& names, const std::vector<int64_t>& shape) {
  std::vector<ParameterInfo> parameters;
  for (const std::string& name : names) parameters.push_back({name, shape});
  return add_contiguous(parameters);
}

float* ParameterStore::add_contiguous(const std::vector<ParameterInfo>& parameters) {
  int64_t bytes = 0;
  for (const ParameterInfo& info : parameters) bytes += checked_bytes(info.name, info.shape, bytes_ + bytes);
  try {
    memory_.emplace_back(static_cast<size_t>(bytes));
  } catch (const Error& error) {
    const std::string others = parameters.size() > 1 ? " with those stored beside it" : "";
    throw Error(error.code(), "parameter " + parameters[0].name + " " + shape_text(parameters[0].shape) + others +
                                  " needs " + std::to_string(bytes >> 20) + " MiB beside the " +
                                  std::to_string(bytes_ >> 20) + " MiB of those before it: " + error.what());
  }
  bytes_ += bytes;
  blocks_.push_back(infos_.size());
  float* const first = memory_.back().floats();
  float* place = first;
  for (const ParameterInfo& info : parameters) {
    index_.emplace(info.name, infos_.size());
    infos_.push_back(info);
    data_.push_back(place);
    place += info.elements();
  }
  return first;
}

size_t ParameterStore::index_of(const std::string& name) const {
  const auto found = index_.find(name);
  if (found == index_.end()) throw Error(ErrorCode::kInvalidArgument, "the model has no parameter '" + name + "'");
  return found->second;
}

}  // namespace dnd
