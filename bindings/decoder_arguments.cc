#include "decoder_arguments.h"

#include <limits>
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

DecoderConfig read_decoder_config(const Argument& options) {
  DecoderConfig config;
  config.features = read_features(options);
  config.kernel_size = int(options.field("kernelSize").integer(1, std::numeric_limits<int>::max()));
  config.projected_from = options.field("projectedFrom").integer(0);
  config.algorithm = read_algorithm(options);
  return config;
}

Slice read_condition(const Argument& condition, const DecoderConfig& config, int64_t batch) {
  const Feature first = config.features.front();
  const int64_t height = config.projected_from > 0 ? config.projected_from : first.height;
  return condition.tensor("float32", {batch, first.tokens, height, first.width});
}

int64_t read_workspace(const Argument& options) {
  const int64_t bytes = options.field("workspaceBytes").integer(0);
  return bytes > 0 ? bytes : PlanOptions::kDefaultWorkspaceBytes;
}

}  // namespace dnd::bindings
