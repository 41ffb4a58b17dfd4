#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>

/// Memory that was never written holds bytes of ones: NaN as a float and as a half, −1 as an index.
///
/// Forbidden memory holds NaN as well, a signalling one: arithmetic never makes it, so that also a sum that
/// was read there and is written back shows.

namespace dnd::cuda::emulator {

/// On either side of what a kernel may touch.
inline constexpr size_t kGuardBytes = 1024;
inline void poison(void* memory, size_t bytes) { std::memset(memory, 0xff, bytes); }

/// What forbidden memory holds at an address: the halves 0xffbf, two of which are a signalling NaN.
inline unsigned char forbidden_byte(const unsigned char* place) {
  return reinterpret_cast<uintptr_t>(place) % 2 == 0 ? 0xbf : 0xff;
}
inline constexpr uint64_t kForbiddenWord = 0xffbf'ffbf'ffbf'ffbf;

inline void forbid(unsigned char* memory, size_t bytes) {
  size_t i = 0;
  for (; i < bytes && reinterpret_cast<uintptr_t>(memory + i) % 8 != 0; ++i) memory[i] = forbidden_byte(memory + i);
  for (; i + 8 <= bytes; i += 8) std::memcpy(memory + i, &kForbiddenWord, 8);
  for (; i < bytes; ++i) memory[i] = forbidden_byte(memory + i);
}

/// The first byte of forbidden memory that was written.
inline std::optional<size_t> first_written(const unsigned char* memory, size_t bytes) {
  size_t i = 0;
  for (; i < bytes && reinterpret_cast<uintptr_t>(memory + i) % 8 != 0; ++i) {
    if (memory[i] != forbidden_byte(memory + i)) return i;
  }
  for (; i + 64 <= bytes; i += 64) {
    uint64_t words[8], differences = 0;
    std::memcpy(words, memory + i, 64);
    for (const uint64_t word : words) differences |= word ^ kForbiddenWord;
    if (differences != 0) break;
  }
  for (; i < bytes; ++i) {
    if (memory[i] != forbidden_byte(memory + i)) return i;
  }
  return std::nullopt;
}

inline std::optional<size_t> last_written(const unsigned char* memory, size_t bytes) {
  if (!first_written(memory, bytes)) return std::nullopt;
  while (memory[bytes - 1] == forbidden_byte(memory + bytes - 1)) --bytes;
  return bytes - 1;
}

}  // namespace dnd::cuda::emulator
