#include "model/parameter_store.h"

#include <algorithm>
#include <atomic>

#include "core/float_conversion.h"
#include "core/status.h"
#include "core/thread_pool.h"

namespace dnd {
namespace {

constexpr int64_t kFloat = sizeof(float);

std::string shape_text(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (int64_t size : shape) text += (text.size() > 1 ? ", " : "") + std::to_string(size);
  return text + "]";
}

int64_t checked_bytes(const std::string& name, const std::vector<int64_t>& shape, int64_t already) {
  int64_t bytes = kFloat;
  bool overflow = false;
  for (int64_t size : shape) overflow |= __builtin_mul_overflow(bytes, size, &bytes);
  int64_t total;
  if (overflow || __builtin_add_overflow(bytes, already, &total)) {
    throw Error(ErrorCode::kInvalidArgument, name + " " + shape_text(shape) + ": size overflow");
  }
  return bytes;
}

}  // namespace

std::vector<ParameterInfo> ParameterStore::of_shape(const std::vector<std::string>& names,
                                                    const std::vector<int64_t>& shape) {
  std::vector<ParameterInfo> parameters;
  for (const std::string& name : names) parameters.push_back({name, shape});
  return parameters;
}

StoredValues ParameterStore::add_all(const std::vector<ParameterInfo>& parameters, bool halves) {
  int64_t bytes = 0;
  for (const ParameterInfo& info : parameters) bytes += checked_bytes(info.name, info.shape, bytes_ + bytes);
  const std::optional<StoredValues> there = mapped(parameters, halves);
  float* const own = there ? nullptr : allocated(parameters, bytes);
  const StoredValues first = there.value_or(StoredValues{own, FloatType::kF32});
  const int64_t width = bytes_of(first.type);
  (there ? mapped_bytes_ : bytes_) += bytes / kFloat * width;
  blocks_.push_back(infos_.size());
  int64_t place = 0;
  for (const ParameterInfo& info : parameters) {
    index_.emplace(info.name, infos_.size());
    infos_.push_back(info);
    const void* data = static_cast<const char*>(first.data) + place * width;
    values_.push_back({{data, first.type}, own == nullptr ? nullptr : own + place});
    place += info.elements();
  }
  return first;
}

std::optional<StoredValues> ParameterStore::mapped(const std::vector<ParameterInfo>& parameters, bool halves) const {
  const MappedFile* file = nullptr;
  FloatType type = FloatType::kF32;
  int64_t begin = 0, end = 0;
  for (const ParameterInfo& info : parameters) {
    const auto found = places_.find(info.name);
    if (found == places_.end()) return std::nullopt;
    const MappedValues& values = found->second;
    if (file == nullptr) {
      file = values.file.get();
      begin = end = values.offset;
      type = values.type;
      const bool is_half = type == FloatType::kF16 || type == FloatType::kBF16;
      if (type != FloatType::kF32 && !(halves && is_half)) return std::nullopt;
    }
    const int64_t width = bytes_of(type);
    const bool follows = values.file.get() == file && values.offset == end && values.type == type;
    if (!follows || values.bytes != info.elements() * width || values.offset % width != 0) return std::nullopt;
    end += values.bytes;
  }
  if (end == begin) return std::nullopt;
  return StoredValues{file->data() + begin, type};
}

float* ParameterStore::allocated(const std::vector<ParameterInfo>& parameters, int64_t bytes) {
  try {
    return memory_.emplace_back(static_cast<size_t>(bytes)).floats();
  } catch (const Error& error) {
    const std::string others = parameters.size() > 1 ? " with those stored beside it" : "";
    throw Error(error.code(), "parameter " + parameters[0].name + " " + shape_text(parameters[0].shape) + others +
                                  " needs " + std::to_string(bytes >> 20) + " MiB beside the " +
                                  std::to_string(bytes_ >> 20) + " MiB of those before it: " + error.what());
  }
}

float* ParameterStore::writable(size_t index) {
  float* const own = values_[index].own;
  if (own == nullptr) {
    throw Error(ErrorCode::kInvalidArgument,
                "parameter " + infos_[index].name + " is in a mapped file, which cannot be written to");
  }
  ++generation_;
  return own;
}

void ParameterStore::require_unchanged() const {
  for (const auto& file : files_) file->require_unchanged();
}

std::optional<std::pair<size_t, int64_t>> ParameterStore::first_non_finite(int threads, Job& job) const {
  constexpr int64_t kPiece = int64_t{1} << 20;
  struct Piece {
    size_t parameter;
    int64_t begin, count;
  };
  std::vector<Piece> pieces;
  for (size_t i = 0; i < infos_.size(); ++i) {
    const int64_t elements = is_mapped(i) ? infos_[i].elements() : 0;
    for (int64_t begin = 0; begin < elements; begin += kPiece) {
      pieces.push_back({i, begin, std::min(kPiece, elements - begin)});
    }
  }
  std::vector<int64_t> found(pieces.size(), -1);
  std::atomic<size_t> done{0};
  ThreadPool pool(threads);
  pool.parallel_for(static_cast<int64_t>(pieces.size()), [&](int64_t task, int) {
    job.throw_if_cancelled();
    const Piece& piece = pieces[static_cast<size_t>(task)];
    const MappedValues& place = places_.at(infos_[piece.parameter].name);
    const auto [data, type] = stored(piece.parameter);
    const int64_t width = bytes_of(type);
    place.file->populate(place.offset + piece.begin * width, piece.count * width);
    const int64_t element =
        dnd::first_non_finite(type, static_cast<const char*>(data) + piece.begin * width, piece.count);
    if (element >= 0) found[static_cast<size_t>(task)] = piece.begin + element;
    job.set_progress(static_cast<double>(++done) / static_cast<double>(pieces.size()));
  });
  for (size_t i = 0; i < pieces.size(); ++i) {
    if (found[i] >= 0) return std::pair{pieces[i].parameter, found[i]};
  }
  return std::nullopt;
}

size_t ParameterStore::index_of(const std::string& name) const {
  const auto found = index_.find(name);
  if (found == index_.end()) throw Error(ErrorCode::kInvalidArgument, "the model has no parameter '" + name + "'");
  return found->second;
}

}  // namespace dnd
