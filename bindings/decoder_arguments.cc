#include "decoder_arguments.h"

#include <string>

#include "plan/convolution_plan.h"

namespace dnd::bindings {

std::vector<Feature> read_features(const Argument& options) {
  const Argument features = options.field("features");
  const std::vector<int64_t> sizes = features.positive_integers();
  if (sizes.size() % 3 != 0 || sizes.size() < 6) {
    features.refuse("three sizes (tokens, height, width) for each of at least two shapes",
                    std::to_string(sizes.size()) + " numbers");
  }
  std::vector<Feature> read;
  for (size_t i = 0; i < sizes.size(); i += 3) read.push_back({sizes[i], sizes[i + 1], sizes[i + 2]});
  return read;
}

DndAlgorithm read_algorithm(const Argument& options) {
  constexpr DndAlgorithm kAlgorithms[] = {kDndAuto, kDndDirect, kDndSpectral};
  return kAlgorithms[options.field("algorithm").choice({"auto", "direct", "spectral"})];
}

int64_t read_workspace(const Argument& options) {
  const int64_t bytes = options.field("workspaceBytes").integer(0);
  return bytes > 0 ? bytes : PlanOptions::kDefaultWorkspaceBytes;
}

}  // namespace dnd::bindings
