#include "core/memory.h"

#include <limits>
#include <new>
#include <string>

#if defined(__unix__) || defined(__APPLE__)
#include <sys/mman.h>
#define DND_HAS_MMAP 1
#endif

#include "core/status.h"

namespace dnd {
namespace {

constexpr size_t kAlignment = 64;
constexpr size_t kMappedFrom = size_t{1} << 20;

[[noreturn]] void refuse(size_t bytes) {
  throw Error(ErrorCode::kOutOfMemory,
              "the system could not allocate " + std::to_string(bytes >> 20) + " MiB of memory (" + std::to_string(bytes) +
                  " bytes)");
}

size_t rounded_up(size_t bytes) {
  if (bytes > std::numeric_limits<ptrdiff_t>::max() - kAlignment) refuse(bytes);
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

}  // namespace

Memory::Memory(size_t bytes) {
  if (bytes == 0) return;
  const size_t size = rounded_up(bytes);
#if DND_HAS_MMAP
  if (size >= kMappedFrom) {
    void* mapped = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) refuse(bytes);
#if defined(MADV_HUGEPAGE)
    madvise(mapped, size, MADV_HUGEPAGE);  // only a hint: systems without huge pages refuse it
#endif
    data_ = mapped;
    bytes_ = size;
    return;
  }
#endif
  data_ = ::operator new(size, std::align_val_t{kAlignment}, std::nothrow);
  if (data_ == nullptr) refuse(bytes);
  bytes_ = size;
}

Memory::~Memory() {
  if (data_ == nullptr) return;
#if DND_HAS_MMAP
  if (bytes_ >= kMappedFrom) {
    munmap(data_, bytes_);
    return;
  }
#endif
  ::operator delete(data_, std::align_val_t{kAlignment});
}

}  // namespace dnd
