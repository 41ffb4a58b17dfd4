#include "cuda/host/layouts.h"

#include <algorithm>
#include <utility>

namespace dnd::cuda {
namespace {

bool same(const DndAdapterTensor& a, const DndAdapterTensor& b) {
  return a.first_token == b.first_token && a.tokens == b.tokens && a.length == b.length &&
         a.transposed == b.transposed && a.offset == b.offset;
}

}  // namespace

const DndAdapterTensor* Layouts::tensors_of(const DndAdapterLayout& layout) {
  const DndAdapterTensor* const begin = layout.tensors;
  const DndAdapterTensor* const end = begin + layout.tensor_count;
  for (const Table& table : tables_) {
    if (std::equal(begin, end, table.tensors.begin(), table.tensors.end(), same)) {
      return table.memory.as<const DndAdapterTensor>();
    }
  }
  queue_.cut();  // a pass under way must not record this
  Table table{{begin, end}, memory_.allocate((end - begin) * sizeof(DndAdapterTensor), "the layout of an adapter")};
  if (begin != end) {
    queue_.send(table.memory.data(), table.tensors.data(), table.tensors.size() * sizeof(DndAdapterTensor));
    queue_.synchronise();
  }
  tables_.push_back(std::move(table));
  return tables_.back().memory.as<const DndAdapterTensor>();
}

}  // namespace dnd::cuda
