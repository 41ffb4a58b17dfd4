#pragma once

#include <initializer_list>
#include <string>

#include "core/status.h"

/// DND_TABLES declares `const Table& function()` of every instruction set that this build has; DND_BY_NAME calls the
/// one of the set with this name.
#define DND_TABLE(set, Table, function) \
  namespace set {                       \
  const Table& function();              \
  }
#define DND_ENTRY(set, function) \
  { #set, set::function }
#if defined(DND_HAS_X86_KERNELS)
#define DND_TABLES(Table, function)    \
  DND_TABLE(baseline, Table, function) \
  DND_TABLE(avx2, Table, function)     \
  DND_TABLE(avx512, Table, function)
#define DND_BY_NAME(Table, function, name)                                       \
  table_by_name<Table>(name, {DND_ENTRY(baseline, function), DND_ENTRY(avx2, function), \
                              DND_ENTRY(avx512, function)})
#elif defined(DND_HAS_ARM64_KERNELS)
#define DND_TABLES(Table, function)    \
  DND_TABLE(baseline, Table, function) \
  DND_TABLE(neon, Table, function)
#define DND_BY_NAME(Table, function, name) \
  table_by_name<Table>(name, {DND_ENTRY(baseline, function), DND_ENTRY(neon, function)})
#else
#define DND_TABLES(Table, function) DND_TABLE(baseline, Table, function)
#define DND_BY_NAME(Table, function, name) table_by_name<Table>(name, {DND_ENTRY(baseline, function)})
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
