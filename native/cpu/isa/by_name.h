#pragma once

#include <initializer_list>
#include <string>

#include "core/status.h"

/// DND_TABLES declares `const Table& function()` of every instruction set that this build has; DND_BY_NAME calls the
/// one of the set with this name.
#if defined(DND_HAS_X86_KERNELS)
#define DND_TABLES(Table, function) \
  namespace baseline {              \
  const Table& function();          \
  }                                 \
  namespace avx2 {                  \
  const Table& function();          \
  }                                 \
  namespace avx512 {                \
  const Table& function();          \
  }
#define DND_BY_NAME(Table, function, name) \
  table_by_name<Table>(name, {{"baseline", baseline::function}, {"avx2", avx2::function}, {"avx512", avx512::function}})
#else
#define DND_TABLES(Table, function) \
  namespace baseline {              \
  const Table& function();          \
  }
#define DND_BY_NAME(Table, function, name) table_by_name<Table>(name, {{"baseline", baseline::function}})
#endif

namespace dnd::cpu {

template <typename Table>
struct TableOfSet {
  const char* name;
  const Table& (*table)();  ///< not called on machines that cannot run the set
};

/// Error(kInternal) where there is no instruction set of that name.
template <typename Table>
const Table& table_by_name(const std::string& name, std::initializer_list<TableOfSet<Table>> sets) {
  for (const TableOfSet<Table>& set : sets) {
    if (name == set.name) return set.table();
  }
  throw Error(ErrorCode::kInternal, "there are no kernels for the instruction set '" + name + "'");
}

}  // namespace dnd::cpu
