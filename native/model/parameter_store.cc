#include "model/parameter_store.h"

#include <utility>

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
    throw Error(ErrorCode::kInvalidArgument, name + " " + shape_text(shape) + " is larger than any memory");
  }
  return bytes;
}

}  // namespace

float* ParameterStore::add(const std::string& name, std::vector<int64_t> shape) {
  const int64_t bytes = checked_bytes(name, shape, bytes_);
  ParameterInfo info{name, std::move(shape)};
  try {
    memory_.emplace_back(device_, info.elements());
  } catch (const Error& error) {
    throw Error(error.code(), "parameter " + name + " " + shape_text(info.shape) + " needs " +
                                  std::to_string(bytes >> 20) + " MiB beside the " + std::to_string(bytes_ >> 20) +
                                  " MiB of those before it: " + error.what());
  }
  bytes_ += bytes;
  index_.emplace(name, infos_.size());
  infos_.push_back(std::move(info));
  return memory_.back().data();
}

float* ParameterStore::find(const std::string& name) const {
  const auto found = index_.find(name);
  if (found == index_.end()) throw Error(ErrorCode::kInvalidArgument, "the model has no parameter '" + name + "'");
  return at(found->second);
}

}  // namespace dnd
