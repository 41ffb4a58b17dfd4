#include "adapter_layout.h"

#include <string>

namespace dnd::bindings {

AdapterLayout::AdapterLayout(const Argument& layout, std::vector<Napi::Value>& inputs) {
  layout_.tokens = layout.field("tokens").integer(1);
  layout_.height = layout.field("height").integer(1);
  layout_.width = layout.field("width").integer(1);
  layout_.rank = layout.field("rank").integer(1);
  layout_.chunk = layout.field("chunk").integer(1);
  layout_.elements = layout.field("elements").integer(1);
  const Argument tensors = layout.field("tensors");
  const std::vector<int64_t> numbers = tensors.integers(0);
  if (numbers.empty() || numbers.size() % 5 != 0) {
    tensors.refuse("five numbers for each of at least one tensor", std::to_string(numbers.size()) + " numbers");
  }
  for (size_t i = 0; i < numbers.size(); i += 5) {
    tensors_.push_back({numbers[i], numbers[i + 1], numbers[i + 2], numbers[i + 3], numbers[i + 4]});
  }
  const Argument residual = layout.field("residual");
  if (residual.is_null()) return;
  const auto floats = [&](const char* name, int64_t elements) {
    const Slice slice = residual.field(name).tensor("float32", {elements});
    inputs.push_back(slice.buffer);
    return reinterpret_cast<const float*>(slice.data);
  };
  residual_ = {floats("mean", layout_.elements), floats("scales", layout_.tokens)};
}

DndAdapterLayout AdapterLayout::view() const {
  DndAdapterLayout view = layout_;
  view.tensors = tensors_.data();
  view.tensor_count = static_cast<int64_t>(tensors_.size());
  return view;
}

}  // namespace dnd::bindings
