#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace dnd {

/// A file mapped into memory, read-only: pages come from the system's page cache when they are read, are shared with
/// other processes, and can be dropped under memory pressure.
///
/// A mapped file that another process cuts would end this one with SIGBUS. Therefore a handler of that signal, installed
/// while there are mappings, replaces the pages that are gone by zeros and marks the mapping as damaged; other faults
/// go to the handler that was there before. Whoever reads the mapping must call `require_unchanged` afterwards, and
/// discard what was computed if it throws. A file that is deleted, or replaced by renaming another over it, keeps its
/// contents.
class MappedFile {
 public:
  /// Maps the whole file; the descriptor may be closed afterwards. Null if the system refuses, there are too many
  /// mappings, or on Windows: then the file has to be read. `path` is for messages.
  static std::shared_ptr<const MappedFile> of_descriptor(int descriptor, const std::string& path);

  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::byte* data() const { return data_; }
  int64_t bytes() const { return bytes_; }

  /// Reads pages [offset, offset + bytes) ahead, where the system can do it at once.
  void populate(int64_t offset, int64_t bytes) const;

  /// Error(kCorruptFile) if the file was cut, or written to, since it was mapped.
  void require_unchanged() const;

 private:
  MappedFile() = default;

  std::string path_;
  std::byte* data_ = nullptr;
  int64_t bytes_ = 0;
  // Not on Windows.
  [[maybe_unused]] int descriptor_ = -1;  ///< of its own
  [[maybe_unused]] int slot_ = -1;        ///< of the signal handler's table
  [[maybe_unused]] int64_t modified_seconds_ = 0, modified_nanoseconds_ = 0;
};

}  // namespace dnd
