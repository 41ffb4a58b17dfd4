// The addon's own operators new and delete, on macOS. zig's C++ library is linked statically and shows them as weak
// symbols, which its linker cannot hide: dyld would unite them with those of whatever else the process has loaded.
// Compiled with -fvisibility-global-new-delete=force-hidden, as the compiler declares them visible by itself.
#include <cstdlib>
#include <new>

namespace {

void* allocated(std::size_t bytes, std::size_t alignment) noexcept {
  if (bytes == 0) bytes = 1;
  if (alignment <= __STDCPP_DEFAULT_NEW_ALIGNMENT__) return std::malloc(bytes);
  void* memory = nullptr;
  return posix_memalign(&memory, alignment, bytes) == 0 ? memory : nullptr;
}

/// As the language wants it: a new-handler may make room, or throw.
void* allocated_or_thrown(std::size_t bytes, std::size_t alignment) {
  for (;;) {
    if (void* memory = allocated(bytes, alignment)) return memory;
    const std::new_handler handler = std::get_new_handler();
    if (handler == nullptr) throw std::bad_alloc();
    handler();
  }
}

std::size_t number(std::align_val_t alignment) { return static_cast<std::size_t>(alignment); }

}  // namespace

void* operator new(std::size_t bytes) { return allocated_or_thrown(bytes, 1); }
void* operator new[](std::size_t bytes) { return allocated_or_thrown(bytes, 1); }
void* operator new(std::size_t bytes, std::align_val_t to) { return allocated_or_thrown(bytes, number(to)); }
void* operator new[](std::size_t bytes, std::align_val_t to) { return allocated_or_thrown(bytes, number(to)); }
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept { return allocated(bytes, 1); }
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept { return allocated(bytes, 1); }
void* operator new(std::size_t bytes, std::align_val_t to, const std::nothrow_t&) noexcept {
  return allocated(bytes, number(to));
}
void* operator new[](std::size_t bytes, std::align_val_t to, const std::nothrow_t&) noexcept {
  return allocated(bytes, number(to));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t, const std::nothrow_t&) noexcept { std::free(memory); }
