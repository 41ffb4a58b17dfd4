#include "model/training/optimiser_states.h"

#include <cstring>

#include "core/integers.h"
#include "core/status.h"

namespace dnd {

OptimiserStates::OptimiserStates(const std::vector<ParameterInfo>& parameters, MomentType type) {
  for (const ParameterInfo& parameter : parameters) {
    const int64_t elements = parameter.elements();
    const bool quantised = type == MomentType::kEightBit && elements >= kMinQuantisedElements;
    first_info_.push_back(infos_.size());
    add("first." + parameter.name, elements, quantised);
    add("second." + parameter.name, elements, quantised);
  }
  for (size_t i = 0; i < infos_.size(); ++i) {
    index_.emplace(infos_[i].name, i);
    bytes_ += infos_[i].bytes();
  }
}

void OptimiserStates::add(const std::string& name, int64_t elements, bool quantised) {
  infos_.push_back({name, quantised ? StateInfo::Type::kUint8 : StateInfo::Type::kFloat32, elements});
  if (!quantised) return;
  infos_.push_back({name + ".largest", StateInfo::Type::kFloat32, divide_up(elements, kDndStateBlock)});
}

/// A quantised moment is its code times its block's largest magnitude, so all-zero memory is zero for every code.
void OptimiserStates::reserve() {
  if (memory_.size() == infos_.size()) return;
  memory_.clear();
  for (const StateInfo& info : infos_) {
    try {
      memory_.emplace_back(static_cast<size_t>(info.bytes()));
    } catch (const Error& error) {
      memory_.clear();
      throw Error(error.code(), "the optimiser's state " + info.name + " needs " + std::to_string(info.bytes()) +
                                    " of " + std::to_string(bytes_) + " bytes of optimiser state: " + error.what());
    }
    std::memset(memory_.back().data(), 0, static_cast<size_t>(info.bytes()));
  }
}

void* OptimiserStates::find(const std::string& name) {
  const auto found = index_.find(name);
  if (found == index_.end()) throw Error(ErrorCode::kInvalidArgument, "the optimiser has no state '" + name + "'");
  reserve();
  return memory_[found->second].data();
}

OptimiserStates::Moments OptimiserStates::of(size_t parameter) {
  const size_t i = first_info_[parameter];
  if (infos_[i].type == StateInfo::Type::kFloat32) return {false, memory_[i].floats(), memory_[i + 1].floats(), {}};
  const auto codes = [&](size_t info) { return static_cast<uint8_t*>(memory_[info].data()); };
  return {true, nullptr, nullptr, {codes(i), codes(i + 2), memory_[i + 1].floats(), memory_[i + 3].floats()}};
}

}  // namespace dnd
