#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "model/decoder.h"
#include "naive_training.h"
#include "random_values.h"

/// Random decoders and tasks for tests, the same on every machine.
namespace dnd::test {

/// Random parameters, norms and biases included. `model`: a Decoder or a Trainer.
template <typename Model>
void randomise(Model& model) {
  uint32_t seed = 100;
  for (const ParameterInfo& info : model.parameters()) {
    const bool norm = info.name.ends_with("norm.weight");
    const double scale = info.shape.size() == 4 ? 2.0 / std::sqrt(info.elements() / info.shape[0]) : 0.3;
    const std::vector<float> values = random_values(info.elements(), seed++);
    float* parameter = model.parameter(info.name);
    for (int64_t i = 0; i < info.elements(); ++i) parameter[i] = static_cast<float>(values[i] * scale) + (norm ? 1 : 0);
  }
}

/// A batch of tasks in float32.
struct RandomTask {
  std::vector<float> condition, target, importance;
  int64_t batch;

  NaiveTask exact() const {
    return {{condition.begin(), condition.end()},
            {target.begin(), target.end()},
            {importance.begin(), importance.end()},
            batch};
  }
  /// Tasks [begin, begin + count).
  RandomTask part(int64_t begin, int64_t count) const {
    const auto cut = [&](const std::vector<float>& values) {
      const int64_t one = static_cast<int64_t>(values.size()) / batch;
      return std::vector<float>(values.begin() + begin * one, values.begin() + (begin + count) * one);
    };
    return {cut(condition), cut(target), importance, count};
  }
};

/// `missing`: period of NaN elements in a target, the same in every task; 0: none.
inline RandomTask random_task(const DecoderConfig& config, int64_t batch, uint32_t seed, int missing = 5,
                              bool importance = true) {
  const int64_t elements = config.features.back().elements();
  RandomTask task{
      random_values(batch * config.condition_elements(), seed), random_values(batch * elements, seed + 1), {}, batch};
  if (missing > 0) {
    for (int64_t i = 0; i < batch * elements; ++i) {
      if (i % elements % missing == missing - 1) task.target[i] = std::numeric_limits<float>::quiet_NaN();
    }
  }
  if (importance) {
    task.importance = random_values(config.features.back().tokens, seed + 2);
    for (float& weight : task.importance) weight = 1.5f + weight;
  }
  return task;
}

/// Two to four layers, every kernel up to 9, with and without residual layers and a length projection. A norm is always
/// over several elements: over one or two it is nearly constant, and its derivative mostly rounding.
inline DecoderConfig random_config(uint32_t seed) {
  std::mt19937 random(seed);
  const auto between = [&](int64_t least, int64_t most) {
    return least + static_cast<int64_t>(random() % static_cast<uint32_t>(most - least + 1));
  };
  DecoderConfig config{{}, static_cast<int>(1 + 2 * between(0, 4))};
  const int64_t features = between(2, 4);
  for (int64_t i = 0; i < features; ++i) {
    if (i > 0 && between(0, 2) == 0) {
      config.features.push_back(config.features.back());
    } else {
      config.features.push_back({between(1, 7), between(2, 8), between(3, 9)});
    }
  }
  if (between(0, 2) == 0) config.projected_from = config.features[0].height + between(1, 9);
  return config;
}

}  // namespace dnd::test
