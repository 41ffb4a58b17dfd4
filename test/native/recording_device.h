#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/memory.h"
#include "model/device.h"

namespace dnd::test {

/// The CPU's operations behind a backend interface with resident parameters and recorded passes, like a GPU's: within a
/// pass, allocations come from one block, first fit; a pass with a known key is replayed with the recorded addresses.
/// It reports misuse, and can have little memory. One instance at a time: the functions of the interface use a global.
class RecordingDevice {
 public:
  RecordingDevice() : cpu_(2) { instance_ = this; }
  ~RecordingDevice() { instance_ = nullptr; }

  DeviceChoice choice() const { return {&table(), {.threads = 2}}; }

  int64_t capacity = INT64_MAX;  ///< for passes and resident parameters, in bytes

  int passes = 0, repeated = 0, abandoned = 0, invalidations = 0;
  int operations = 0;  ///< called by the code under test, not by replay
  std::set<const float*> resident;
  std::vector<int64_t> pass_bytes;  ///< as passed to begin_pass
  std::vector<std::string> misuses;
  int64_t peak_allocated = 0;  ///< within a pass
  std::vector<int64_t> reserved_bytes;

 private:
  using Operation = std::function<DndStatus()>;

  void misuse(const std::string& what) { misuses.push_back(what); }
  void check_resident(const float* parameter, const char* what) {
    if (parameter != nullptr && !resident.contains(parameter)) misuse(std::string(what) + " is not resident");
  }
  DndStatus refuse(const char* sentence) {
    failure_ = sentence;
    return kDndOutOfMemory;
  }

  DndStatus run(Operation operation) {
    ++operations;
    if (!in_pass_) misuse("an operation outside a pass");
    if (repeating_) misuse("an operation while the device repeats");
    const DndStatus status = operation();
    if (status != kDndOk) failure_ = cpu()->last_error(cpu_.state());
    recording_.push_back(std::move(operation));
    return status;
  }

  DndStatus begin(const DndPass& pass, int32_t* recorded) {
    if (in_pass_) misuse("a pass within a pass");
    if (pass.bytes > capacity - static_cast<int64_t>(resident.size())) return refuse("the pass does not fit");
    in_pass_ = true;
    ++passes;
    pass_bytes.push_back(pass.bytes);
    key_ = pass.key;
    repeating_ = recorded_.contains(key_);
    repeated += repeating_;
    *recorded = repeating_;
    recording_.clear();
    places_.clear();
    if (block_.bytes() < static_cast<size_t>(pass.bytes) * 2 + kSlack) {
      block_ = Memory(static_cast<size_t>(pass.bytes) * 2 + kSlack);
      recorded_.clear();
      repeating_ = false;
      *recorded = 0;
    }
    return kDndOk;
  }

  DndStatus end(bool wanted) {
    if (!in_pass_) misuse("no pass to end");
    in_pass_ = false;
    if (!wanted) {
      ++abandoned;
      return kDndOk;
    }
    if (!repeating_) {
      recorded_[key_] = recording_;
      return kDndOk;
    }
    for (const Operation& operation : recorded_[key_]) {
      const DndStatus status = operation();
      if (status != kDndOk) return status;
    }
    return kDndOk;
  }

  DndStatus allocate(size_t bytes, void** memory) {
    if (!in_pass_) return misuse("memory outside a pass"), kDndInternal;
    size_t place = 0;
    for (const auto& [begin, end] : places_) {
      if (begin >= place + bytes) break;
      place = end;
    }
    const size_t end = (place + bytes + 255) / 256 * 256;
    if (end > block_.bytes()) return refuse("the block is full");
    places_.emplace(place, std::max(end, place + 256));
    int64_t allocated = 0;
    for (const auto& [from, to] : places_) allocated += static_cast<int64_t>(to - from);
    peak_allocated = std::max(peak_allocated, allocated);
    *memory = static_cast<char*>(block_.data()) + place;
    return kDndOk;
  }

  static RecordingDevice& self() { return *instance_; }
  static const DndBackend& table();
  const DndBackend* cpu() const { return cpu_.operator->(); }

  static constexpr size_t kSlack = 1 << 16;
  static inline RecordingDevice* instance_ = nullptr;

  Device cpu_;
  std::string failure_;
  Memory block_;
  std::map<size_t, size_t> places_;  ///< allocations in the block: begin → end
  std::map<uint64_t, std::vector<Operation>> recorded_;
  std::vector<Operation> recording_;
  uint64_t key_ = 0;
  bool in_pass_ = false, repeating_ = false;
};

inline const DndBackend& RecordingDevice::table() {
  static const DndBackend table = [] {
    DndBackend t = *cpu_backend();
    // Those of the CPU would take this device for theirs.
    t.language = nullptr;
    t.encoder = nullptr;
    t.name = "recording";
    t.host_memory = 0;
    t.open = [](const DndDeviceOptions*, DndStatus* status) -> void* {
      *status = kDndOk;
      return instance_;
    };
    t.close = [](void*) {};
    t.last_error = [](void*) { return self().failure_.c_str(); };
    t.memory = [](void*, int64_t* used, int64_t* available) {
      *used = static_cast<int64_t>(self().resident.size());
      *available = self().capacity - *used;
      return kDndOk;
    };
    t.allocate = [](void*, size_t bytes, void** memory) { return self().allocate(bytes, memory); };
    t.release = [](void*, void* memory) {
      if (memory != nullptr)
        self().places_.erase(static_cast<char*>(memory) - static_cast<char*>(self().block_.data()));
    };
    t.upload = [](void*, void* to, const void* from, size_t bytes) {
      if (!self().in_pass_ || !self().recording_.empty()) self().misuse("an upload after operations");
      return self().cpu()->upload(nullptr, to, from, bytes);
    };
    t.download = [](void*, void* to, const void* from, size_t bytes) {
      if (self().in_pass_) self().misuse("a download within a pass");
      return self().cpu()->download(nullptr, to, from, bytes);
    };
    t.upload_values = [](void*, const float* values, int64_t) { return self().resident.insert(values), kDndOk; };
    t.upload_linear = [](void*, DndWeight weight, int64_t, int64_t) {
      return self().resident.insert(static_cast<const float*>(weight.values)), kDndOk;
    };
    t.upload_convolution = [](void*, const DndControl*, const DndConvolution*, const void* weight,
                              int64_t reserved_bytes) {
      self().resident.insert(static_cast<const float*>(weight));
      self().reserved_bytes.push_back(reserved_bytes);
      return kDndOk;
    };
    t.invalidate = [](void*) {
      if (self().in_pass_) self().misuse("invalidating within a pass");
      ++self().invalidations;
      self().resident.clear();
      self().recorded_.clear();
      return kDndOk;
    };
    t.begin_pass = [](void*, const DndPass* pass, int32_t* recorded) { return self().begin(*pass, recorded); };
    t.end_pass = [](void*, const DndControl*, int32_t run) { return self().end(run != 0); };
    t.convolution_workspace = [](void*, const DndConvolution* c, int64_t* bytes, int64_t* sufficient) {
      const DndStatus status = self().cpu()->convolution_workspace(self().cpu_.state(), c, bytes, sufficient);
      if (status != kDndOk) self().failure_ = self().cpu()->last_error(self().cpu_.state());
      return status;
    };
    t.norm_statistics = [](void*, const DndControl*, const float* x, int64_t rows, int64_t columns, float eps,
                           float* m) {
      return self().run(
          [=] { return self().cpu()->norm_statistics(self().cpu_.state(), nullptr, x, rows, columns, eps, m); });
    };
    t.layer_norm = [](void*, const DndControl*, const float* x, int64_t rows, int64_t columns, const float* weight,
                      const float* bias, float eps, float* y) {
      self().check_resident(weight, "a norm's weight");
      self().check_resident(bias, "a norm's bias");
      return self().run([=] {
        return self().cpu()->layer_norm(self().cpu_.state(), nullptr, x, rows, columns, weight, bias, eps, y);
      });
    };
    t.convolution = [](void*, const DndControl* k, const DndConvolution* c, const DndConvolutionOperands* o) {
      for (const float* parameter : {o->norm_weight, o->norm_bias, static_cast<const float*>(o->weight), o->bias}) {
        self().check_resident(parameter, "a convolution's parameter");
      }
      // The control is valid only during one pass.
      return self().run([c = *c, o = *o, k, first = true]() mutable {
        const DndControl* control = std::exchange(first, false) ? k : nullptr;
        return self().cpu()->convolution(self().cpu_.state(), control, &c, &o);
      });
    };
    t.linear = [](void*, const DndControl*, const float* x, int64_t rows, int64_t in, DndWeight weight,
                  const float* bias, int64_t out, DndActivation activation, const float* residual, float* y) {
      self().check_resident(static_cast<const float*>(weight.values), "a linear weight");
      self().check_resident(bias, "a linear bias");
      return self().run([=] {
        return self().cpu()->linear(self().cpu_.state(), nullptr, x, rows, in, weight, bias, out, activation, residual,
                                    y);
      });
    };
    t.embed = [](void*, const DndControl*, const int32_t* ids, const int32_t* positions, int64_t rows,
                 DndWeight word, const float* position, const float* type, int64_t columns, float* y) {
      for (const float* parameter : {static_cast<const float*>(word.values), position, type}) {
        self().check_resident(parameter, "an embedding");
      }
      return self().run([=] {
        return self().cpu()->embed(self().cpu_.state(), nullptr, ids, positions, rows, word, position, type, columns,
                                   y);
      });
    };
    t.attention = [](void*, const DndControl*, const float* qkv, const int32_t* mask, const int64_t* offsets,
                     int64_t sequences, int64_t longest, int64_t heads, int64_t head_width, float* y) {
      return self().run([=] {
        return self().cpu()->attention(self().cpu_.state(), nullptr, qkv, mask, offsets, sequences, longest, heads,
                                       head_width, y);
      });
    };
    t.mean_pool = [](void*, const DndControl*, const float* x, const int32_t* mask, const int64_t* offsets,
                     int64_t sequences, int64_t columns, float* y) {
      return self().run([=] {
        return self().cpu()->mean_pool(self().cpu_.state(), nullptr, x, mask, offsets, sequences, columns, y);
      });
    };
    t.reconstruct = [](void*, const DndControl*, const float* tokens, int64_t batch, const DndAdapterLayout* layout,
                       float* adapters) {
      std::vector<DndAdapterTensor> tensors(layout->tensors, layout->tensors + layout->tensor_count);
      return self().run([=, layout = *layout, tensors = std::move(tensors)]() mutable {
        layout.tensors = tensors.data();
        return self().cpu()->reconstruct(self().cpu_.state(), nullptr, tokens, batch, &layout, adapters);
      });
    };
    return t;
  }();
  return table;
}

}  // namespace dnd::test
