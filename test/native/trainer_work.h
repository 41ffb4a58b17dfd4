#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "model/training/trainer.h"
#include "random_decoder.h"

/// Helpers shared by the tests of the trainer.
namespace dnd::test {

/// Values by parameter name.
using Bytes = std::map<std::string, std::vector<float>>;

inline const DecoderConfig kSmall = {{{3, 7, 9}, {5, 7, 8}, {5, 7, 8}, {6, 4, 5}}, 5};
inline const DecoderConfig kProjected = {{{4, 10, 6}, {6, 8, 12}, {7, 5, 6}}, 3, 35};
/// With parameters of more than 4,096 elements, so that there are moments to quantise.
inline const DecoderConfig kWide = {{{6, 10, 14}, {10, 8, 12}, {14, 6, 8}}, 9};

inline TrainingBatch batch_of(const RandomTask& task, double weight = 1) {
  return {.condition = task.condition.data(),
          .target = task.target.data(),
          .importance = task.importance.empty() ? nullptr : task.importance.data(),
          .batch = task.batch,
          .weight = weight};
}

inline std::vector<DndTokenSums> accumulate(Trainer& trainer, const TrainingBatch& batch, int64_t limit = INT64_MAX) {
  std::vector<DndTokenSums> sums(batch.batch);
  Job job;
  trainer.accumulate(batch, sums.data(), job, limit);
  return sums;
}

inline double update(Trainer& trainer, double learning_rate = 1e-3) {
  Job job;
  const double norm = trainer.update(learning_rate, job);
  EXPECT_EQ(job.progress(), 1.0);
  return norm;
}

inline Bytes gradients(const Trainer& trainer) {
  Bytes all;
  for (const ParameterInfo& info : trainer.parameters()) {
    const float* values = trainer.gradient(info.name);
    all[info.name] = std::vector<float>(values, values + info.elements());
  }
  return all;
}

inline Bytes parameters(const Trainer& trainer) {
  Bytes all;
  for (const ParameterInfo& info : trainer.parameters()) {
    const float* values = trainer.parameter(info.name);
    all[info.name] = std::vector<float>(values, values + info.elements());
  }
  return all;
}

inline std::map<std::string, std::string> states(const Trainer& trainer) {
  std::map<std::string, std::string> all;
  for (const StateInfo& info : trainer.states()) {
    all[info.name] = std::string(static_cast<const char*>(trainer.state(info.name)), info.bytes());
  }
  return all;
}

inline double norm_of(const Bytes& gradients) {
  double sum = 0;
  for (const auto& [name, values] : gradients) {
    for (const float value : values) sum += static_cast<double>(value) * value;
  }
  return std::sqrt(sum);
}

inline double loss_of(const std::vector<DndTokenSums>& sums) {
  double squares = 0, valid = 0;
  for (const DndTokenSums& task : sums) {
    squares += task.weighted_squares;
    valid += task.valid;
  }
  return squares / valid;
}

inline std::string failure_of(const std::function<void()>& work, ErrorCode expected) {
  try {
    work();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), expected) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "nothing failed";
  return "";
}

}  // namespace dnd::test
