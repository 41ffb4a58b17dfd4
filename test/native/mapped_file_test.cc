#include "core/mapped_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "core/job.h"
#include "core/status.h"
#include "model/parameter_store.h"

namespace dnd {
namespace {

constexpr int64_t kFloats = 1 << 18;
constexpr int64_t kBytes = kFloats * int64_t{sizeof(float)};

/// A file of kFloats floats, all 1, that is gone with the object.
class File {
 public:
  File() {
    char name[] = "/tmp/dnd-mapped-XXXXXX";
    descriptor_ = mkstemp(name);
    path_ = name;
    const std::vector<float> ones(kFloats, 1.0f);
    EXPECT_EQ(write(descriptor_, ones.data(), kBytes), kBytes);
  }
  ~File() {
    close(descriptor_);
    unlink(path_.c_str());
  }
  std::shared_ptr<const MappedFile> map() const { return MappedFile::of_descriptor(descriptor_, path_); }
  void put(int64_t element, float value) {
    EXPECT_EQ(pwrite(descriptor_, &value, sizeof value, element * int64_t{sizeof(float)}), ssize_t{sizeof value});
  }
  /// Of the file's time: that of its last change has the resolution of a timer tick.
  void wait() const { std::this_thread::sleep_for(std::chrono::milliseconds(20)); }
  void cut(int64_t bytes) { EXPECT_EQ(ftruncate(descriptor_, bytes), 0); }
  const std::string& path() const { return path_; }

 private:
  int descriptor_;
  std::string path_;
};

double sum(const MappedFile& file) {
  double total = 0;
  for (int64_t i = 0; i < kFloats; ++i) {
    float value;
    std::memcpy(&value, file.data() + i * int64_t{sizeof(float)}, sizeof value);
    total += value;
  }
  return total;
}

std::string failure_of(const MappedFile& file) {
  try {
    file.require_unchanged();
    return "";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCorruptFile);
    return error.what();
  }
}

TEST(MappedFile, HasTheBytesOfTheFile) {
  const File file;
  const auto mapped = file.map();
  ASSERT_NE(mapped, nullptr);
  EXPECT_EQ(mapped->bytes(), kBytes);
  mapped->populate(100, kBytes - 100);
  EXPECT_EQ(sum(*mapped), kFloats);
  EXPECT_EQ(failure_of(*mapped), "");
}

TEST(MappedFile, KeepsItsContentsWhenTheFileIsDeletedOrReplaced) {
  const File deleted, replaced, other;
  const auto first = deleted.map(), second = replaced.map();
  unlink(deleted.path().c_str());
  rename(other.path().c_str(), replaced.path().c_str());
  EXPECT_EQ(sum(*first) + sum(*second), 2 * kFloats);
  EXPECT_EQ(failure_of(*first) + failure_of(*second), "");
}

TEST(MappedFile, SaysThatTheFileWasWrittenTo) {
  File file;
  file.wait();
  const auto mapped = file.map();
  file.put(7, 2);
  EXPECT_EQ(failure_of(*mapped), file.path() + " was written to while it was in use");
}

TEST(MappedFile, ReadsZerosWhereTheFileWasCutAndSaysSo) {
  File file;
  const auto mapped = file.map();
  file.cut(kBytes / 2);
  EXPECT_EQ(sum(*mapped), kFloats / 2);
  EXPECT_NE(failure_of(*mapped).find("became shorter"), std::string::npos);
}

TEST(MappedFile, IsDamagedForGoodOnceItsPagesWereGone) {
  File file;
  const auto mapped = file.map();
  file.cut(0);
  EXPECT_EQ(sum(*mapped), 0);
  file.cut(kBytes);
  EXPECT_NE(failure_of(*mapped), "");
}

TEST(MappedFile, SurvivesAHundredFilesThatAreCutWhileThreadsReadThem) {
  for (int round = 0; round < 100; ++round) {
    File file;
    const auto mapped = file.map();
    ASSERT_NE(mapped, nullptr);
    std::atomic<bool> stop{false};
    std::vector<std::thread> readers;
    for (int i = 0; i < 2; ++i) {
      readers.emplace_back([&] {
        while (!stop) EXPECT_LE(sum(*mapped), kFloats);
      });
    }
    std::this_thread::sleep_for(std::chrono::microseconds(round * 20));
    file.cut(kBytes / 100 * round);
    std::this_thread::sleep_for(std::chrono::microseconds(500));
    stop = true;
    for (std::thread& reader : readers) reader.join();
    EXPECT_NE(failure_of(*mapped), "") << "round " << round;
  }
}

TEST(MappedFile, IsRefusedForNoFileAndAnEmptyOne) {
  File file;
  file.cut(0);
  EXPECT_EQ(file.map(), nullptr);
  EXPECT_EQ(MappedFile::of_descriptor(-1, "none"), nullptr);
}

TEST(MappedFile, IsRefusedWhereAllSlotsAreInUse) {
  const File file;
  std::vector<std::shared_ptr<const MappedFile>> all;
  while (all.size() < 1000) {
    all.push_back(file.map());
    if (all.back() == nullptr) break;
  }
  EXPECT_EQ(all.back(), nullptr);
  EXPECT_GE(all.size(), 256u);
  all.clear();
  EXPECT_NE(file.map(), nullptr);
}

volatile sig_atomic_t others = 0;

TEST(MappedFile, LeavesOtherFaultsToTheHandlerThatWasThere) {
  struct sigaction own = {}, before;
  own.sa_sigaction = [](int, siginfo_t* info, void*) {
    others = others + 1;
    const auto size = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
    const auto page = reinterpret_cast<uintptr_t>(info->si_addr) / size * size;
    mmap(reinterpret_cast<void*>(page), size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  };
  own.sa_flags = SA_SIGINFO;
  ASSERT_EQ(sigaction(SIGBUS, &own, &before), 0);
  {
    File file, unknown;
    const auto mapped = file.map();
    const int descriptor = open(unknown.path().c_str(), O_RDONLY);
    auto* data = static_cast<volatile char*>(mmap(nullptr, 4096, PROT_READ, MAP_SHARED, descriptor, 0));
    unknown.cut(0);
    EXPECT_EQ(data[0], 0);
    EXPECT_EQ(others, 1);
    close(descriptor);
  }
  struct sigaction after;
  ASSERT_EQ(sigaction(SIGBUS, &before, &after), 0);
  EXPECT_EQ(after.sa_sigaction, own.sa_sigaction) << "the handler before is back once there are no mappings";
}

TEST(ParameterStore, TakesWhatIsMappedAsItIs) {
  File file;
  const auto mapped = file.map();
  MappedParameters places;
  places.emplace("whole", MappedValues{mapped, 0, 400});
  places.emplace("other size", MappedValues{mapped, 400, 396});
  places.emplace("not aligned", MappedValues{mapped, 802, 400});
  places.emplace("first", MappedValues{mapped, 2000, 40});
  places.emplace("second", MappedValues{mapped, 2040, 40});
  places.emplace("apart", MappedValues{mapped, 3000, 40});
  ParameterStore store(places);
  EXPECT_EQ(store.add("whole", {10, 10}), reinterpret_cast<const float*>(mapped->data()));
  store.add("other size", {100});
  store.add("not aligned", {100});
  store.add("unknown", {100});
  EXPECT_EQ(store.add_stacked({"first", "second"}, {10}), reinterpret_cast<const float*>(mapped->data() + 2000));
  store.add_stacked({"second", "apart"}, {10});
  const std::vector<bool> expected = {true, false, false, false, true, true, false, false};
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(store.is_mapped(i), expected[i]) << store.infos()[i].name;
  EXPECT_EQ(store.mapped_bytes(), 400 + 80);
  EXPECT_EQ(store.bytes(), 3 * 400 + 80);
  EXPECT_EQ(store.at(5), store.at(4) + 10);
  places.clear();
  places.emplace("query", MappedValues{mapped, 10, 20, FloatType::kBF16});
  places.emplace("key", MappedValues{mapped, 30, 20, FloatType::kBF16});
  places.emplace("value", MappedValues{mapped, 50, 20, FloatType::kF16});
  ParameterStore halves(places);
  const StoredValues both = halves.add_stacked_stored({"query", "key"}, {10});
  EXPECT_EQ(both.data, mapped->data() + 10);
  EXPECT_EQ(both.operand().type, kDndBfloat16Weight);
  EXPECT_EQ(both.part_from(10).data, mapped->data() + 30);
  EXPECT_EQ(halves.add_stacked_stored({"key", "value"}, {10}).type, FloatType::kF32) << "of two types";
  EXPECT_NE(halves.add("value", {10}), static_cast<const void*>(mapped->data() + 50)) << "wanted in float32";
  EXPECT_EQ(halves.add_stored("value", {10}).operand().type, kDndFloat16Weight);
  store.writable("unknown")[0] = 1;
  try {
    store.writable("whole");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_STREQ(error.what(), "parameter whole is in a mapped file, which cannot be written to");
  }
}

TEST(ParameterStore, FindsTheFirstMappedValueThatIsNotFinite) {
  for (const float wrong : {std::nanf(""), INFINITY, -INFINITY}) {
    File file;
    file.put(kFloats / 2 + 4321, wrong);
    const auto mapped = file.map();
    MappedParameters places;
    places.emplace("first", MappedValues{mapped, 0, kBytes / 2});
    places.emplace("second", MappedValues{mapped, kBytes / 2, kBytes / 2});
    ParameterStore store(places);
    store.add("first", {kFloats / 2});
    Job job;
    EXPECT_FALSE(store.first_non_finite(2, job));
    store.add("second", {kFloats / 2});
    const auto found = store.first_non_finite(2, job);
    ASSERT_TRUE(found);
    EXPECT_EQ(*found, (std::pair<size_t, int64_t>{1, 4321}));
    EXPECT_EQ(job.progress(), 1);
  }
}

TEST(ParameterStore, TakesHalfPrecisionOnlyForParametersThatMayBeStoredSo) {
  File file;
  const auto mapped = file.map();
  for (const FloatType type : {FloatType::kF16, FloatType::kBF16}) {
    MappedParameters places;
    places.emplace("weight", MappedValues{mapped, 2, 200, type});
    places.emplace("bias", MappedValues{mapped, 400, 200, type});
    places.emplace("odd", MappedValues{mapped, 801, 200, type});
    places.emplace("long", MappedValues{mapped, 1000, 400, type});
    places.emplace("wide", MappedValues{mapped, 1600, 800, FloatType::kF64});
    places.emplace("floats", MappedValues{mapped, 2400, 400});
    ParameterStore store(places);
    EXPECT_EQ(store.add_stored("weight", {100}).type, type);
    EXPECT_EQ(store.stored(0).data, mapped->data() + 2);
    EXPECT_THROW(store.at(0), Error);
    store.add("bias", {100});
    for (const char* name : {"odd", "long", "wide"}) EXPECT_EQ(store.add_stored(name, {100}).type, FloatType::kF32);
    EXPECT_EQ(store.add_stored("floats", {100}).data, mapped->data() + 2400);
    const std::vector<bool> expected = {true, false, false, false, false, true};
    for (size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(store.is_mapped(i), expected[i]) << store.infos()[i].name;
    EXPECT_EQ(store.mapped_bytes(), 200 + 400);
    EXPECT_EQ(store.bytes(), 4 * 400);
  }
}

TEST(FloatConversion, FindsNumbersThatAreNotFiniteInHalfPrecision) {
  std::vector<uint16_t> values(10000, 0x7bff);  // the largest of F16
  EXPECT_EQ(first_non_finite(FloatType::kF16, values.data(), 10000), -1);
  for (const uint16_t wrong : {0x7c00, 0xfc00, 0x7e01}) {
    values[5001] = wrong;
    EXPECT_EQ(first_non_finite(FloatType::kF16, values.data(), 10000), 5001);
  }
  values.assign(10000, 0xff7f);  // the smallest of BF16
  EXPECT_EQ(first_non_finite(FloatType::kBF16, values.data(), 10000), -1);
  for (const uint16_t wrong : {0x7f80, 0xff80, 0xffc0}) {
    values[9999] = wrong;
    EXPECT_EQ(first_non_finite(FloatType::kBF16, values.data(), 10000), 9999);
  }
}

}  // namespace
}  // namespace dnd
