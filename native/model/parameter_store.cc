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

float* ParameterStore::add_stacked(const std::vector<std::string>& names, std::vector<int64_t> shape) {
  const int64_t count = static_cast<int64_t>(names.size());
  std::vector<int64_t> stacked = shape;
  if (count > 1) stacked.insert(stacked.begin(), count);
  const int64_t bytes = checked_bytes(names[0], stacked, bytes_);
  const int64_t elements = bytes / static_cast<int64_t>(sizeof(float));
  try {
    memory_.emplace_back(static_cast<size_t>(bytes));
  } catch (const Error& error) {
    throw Error(error.code(), "parameter " + names[0] + " " + shape_text(stacked) + " needs " +
                                  std::to_string(bytes >> 20) + " MiB beside the " + std::to_string(bytes_ >> 20) +
                                  " MiB of those before it: " + error.what());
  }
  bytes_ += bytes;
  float* const first = memory_.back().floats();
  for (int64_t i = 0; i < count; ++i) {
    index_.emplace(names[i], infos_.size());
    infos_.push_back({names[i], shape});
    data_.push_back(first + i * (elements / count));
  }
  return first;
}

size_t ParameterStore::index_of(const std::string& name) const {
  const auto found = index_.find(name);
  if (found == index_.end()) throw Error(ErrorCode::kInvalidArgument, "the model has no parameter '" + name + "'");
  return found->second;
}

}  // namespace dnd
