#include "core/mapped_file.h"

#include "core/status.h"

#if defined(__unix__) || defined(__APPLE__)
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/mapped_file_faults.h"

namespace dnd {
namespace {

#if defined(__APPLE__)
const timespec& modified(const struct stat& status) { return status.st_mtimespec; }
#else
const timespec& modified(const struct stat& status) { return status.st_mtim; }
#endif

}  // namespace

std::shared_ptr<const MappedFile> MappedFile::of_descriptor(int descriptor, const std::string& path) {
  std::shared_ptr<MappedFile> file(new MappedFile);
  file->path_ = path;
  file->descriptor_ = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
  struct stat status;
  if (file->descriptor_ < 0 || fstat(file->descriptor_, &status) != 0 || status.st_size <= 0) return nullptr;
  void* mapped =
      mmap(nullptr, static_cast<size_t>(status.st_size), PROT_READ, MAP_SHARED, file->descriptor_, 0);
  if (mapped == MAP_FAILED) return nullptr;
  file->data_ = static_cast<std::byte*>(mapped);
  file->bytes_ = status.st_size;
  file->modified_seconds_ = modified(status).tv_sec;
  file->modified_nanoseconds_ = modified(status).tv_nsec;
  file->slot_ = watch_faults(file->data_, file->bytes_);
  return file->slot_ < 0 ? nullptr : file;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(data_, static_cast<size_t>(bytes_));
  // After the mapping: until then a fault of its pages is one of ours.
  if (slot_ >= 0) unwatch_faults(slot_);
  if (descriptor_ >= 0) close(descriptor_);
}

void MappedFile::populate([[maybe_unused]] int64_t offset, [[maybe_unused]] int64_t bytes) const {
#if defined(__linux__)
#if !defined(MADV_POPULATE_READ)
#define MADV_POPULATE_READ 22  // since Linux 5.14; others refuse it
#endif
  const auto page = static_cast<int64_t>(sysconf(_SC_PAGESIZE));
  const int64_t begin = offset / page * page;
  madvise(data_ + begin, static_cast<size_t>(offset + bytes - begin), MADV_POPULATE_READ);
#endif
}

void MappedFile::require_unchanged() const {
  struct stat status;
  if (has_faulted(slot_) || fstat(descriptor_, &status) != 0 || status.st_size < bytes_) {
    throw Error(ErrorCode::kCorruptFile, path_ + " became shorter, or could not be read, while it was in use");
  }
  if (modified(status).tv_sec == modified_seconds_ && modified(status).tv_nsec == modified_nanoseconds_) return;
  throw Error(ErrorCode::kCorruptFile, path_ + " was written to while it was in use");
}

}  // namespace dnd

#else

namespace dnd {

std::shared_ptr<const MappedFile> MappedFile::of_descriptor(int, const std::string&) { return nullptr; }
MappedFile::~MappedFile() = default;
void MappedFile::populate(int64_t, int64_t) const {}
void MappedFile::require_unchanged() const {}

}  // namespace dnd

#endif
