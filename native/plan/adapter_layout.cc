#include "plan/adapter_layout.h"

#include <algorithm>
#include <string>

#include "core/integers.h"
#include "core/status.h"

namespace dnd {
namespace {

/// Sizes above this are mistakes; below it, what is counted of them stays within 63 bits.
constexpr int64_t kLargest = int64_t{1} << 40;

[[noreturn]] void refuse(const std::string& what) {
  throw Error(ErrorCode::kInvalidArgument, "adapter layout: " + what);
}

void check_within(const std::string& name, int64_t value, int64_t least, int64_t most) {
  if (value >= least && value <= most) return;
  refuse(name + " is " + std::to_string(value) + "; it must be from " + std::to_string(least) + " to " +
         std::to_string(most));
}

void check_tensor(const DndAdapterLayout& layout, const DndAdapterTensor& tensor, const std::string& name) {
  check_within(name + "'s length", tensor.length, 1, kLargest / layout.rank);
  const int64_t tokens = divide_up(tensor.length, layout.chunk);
  check_within(name + "'s number of tokens", tensor.tokens, tokens, tokens);
  check_within(name + "'s first token", tensor.first_token, 0, layout.tokens - tokens);
  check_within(name + "'s offset", tensor.offset, 0, layout.elements - layout.rank * tensor.length);
}

}  // namespace

void check_adapter_layout(const DndAdapterLayout& layout, bool margins) {
  const int64_t largest_axis = int64_t{1} << 20;
  check_within("the number of tokens", layout.tokens, 1, largest_axis);
  check_within("the height", layout.height, margins ? 2 : 1, largest_axis);
  check_within("the width", layout.width, margins ? 2 : 1, largest_axis);
  // The margins' averages take every other row and column.
  if (margins && (layout.height % 2 != 0 || layout.width % 2 != 0)) {
    refuse("tokens are [" + std::to_string(layout.height) + ", " + std::to_string(layout.width) +
           "]; both sizes must be even");
  }
  check_within("the rank", layout.rank, 1, layout.height);
  check_within("the chunk", layout.chunk, 1, layout.width);
  check_within("the number of elements", layout.elements, 1, kLargest);
  check_within("the number of tensors", layout.tensor_count, 1, layout.tokens);
  for (int64_t i = 0; i < layout.tensor_count; ++i) {
    check_tensor(layout, layout.tensors[i], "tensor " + std::to_string(i));
  }
}

}  // namespace dnd
