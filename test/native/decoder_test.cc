#include "model/decoder.h"

#include <gtest/gtest.h>

#include <thread>

#include "naive_decoder.h"
#include "random_decoder.h"
#include "random_values.h"
#include "resident_bytes.h"
#include "training_device.h"

namespace dnd {
namespace {

using test::naive_forward;
using test::naive_projection;
using test::random_values;
using test::randomise;
using test::relative_error;

int64_t condition_elements(const Decoder& decoder, int64_t batch) {
  return batch * decoder.config().condition_elements();
}

std::vector<float> forward(Decoder& decoder, const std::vector<float>& condition, int64_t batch) {
  std::vector<float> tokens(batch * decoder.config().features.back().elements());
  Job job;
  decoder.forward(condition.data(), batch, tokens.data(), job);
  EXPECT_EQ(job.progress(), 1.0);
  return tokens;
}

const DecoderConfig kSmall = {{{3, 7, 9}, {5, 7, 8}, {5, 7, 8}, {6, 4, 5}}, 5};
const DecoderConfig kThin = {{{4, 20, 24}, {6, 8, 20}, {12, 3, 18}}, 11};
const DecoderConfig kProjected = {{{4, 10, 6}, {6, 8, 12}}, 3, 35};

TEST(Decoder, agrees_with_its_equations_in_double) {
  for (const DecoderConfig& config : {kSmall, kThin, kProjected}) {
    Decoder decoder(config, 2);
    randomise(decoder);
    for (int64_t batch : {1, 3}) {
      const std::vector<float> condition = random_values(condition_elements(decoder, batch), 7);
      EXPECT_LE(relative_error(forward(decoder, condition, batch), naive_forward(decoder, condition, batch)), 2e-6);
    }
  }
}

TEST(Decoder, projects_the_length_without_transposing) {
  Decoder decoder(kProjected, 2);
  randomise(decoder);
  const std::vector<float> condition = random_values(condition_elements(decoder, 2), 7);
  std::vector<float> projected(2 * kProjected.features[0].elements());
  Job job;
  decoder.project(condition.data(), 2, projected.data(), job);
  EXPECT_LE(relative_error(projected, naive_projection(decoder, condition)), 1e-6);
  EXPECT_EQ(job.progress(), 1.0);
}

TEST(Decoder, agrees_with_its_equations_whatever_the_algorithm) {
  for (DecoderConfig config : {kSmall, kThin, kProjected}) {
    for (DndAlgorithm algorithm : {kDndDirect, kDndSpectral}) {
      config.algorithm = algorithm;
      Decoder decoder(config, 2);
      randomise(decoder);
      const std::vector<float> condition = random_values(condition_elements(decoder, 2), 7);
      EXPECT_LE(relative_error(forward(decoder, condition, 2), naive_forward(decoder, condition, 2)), 2e-6);
    }
  }
}

TEST(Decoder, gives_the_same_bytes_for_any_number_of_threads_and_whatever_the_other_tasks) {
  for (const DecoderConfig& config : {kSmall, kThin, kProjected}) {
    Decoder alone(config, 1);
    randomise(alone);
    std::vector<float> condition = random_values(condition_elements(alone, 2), 7);
    const std::vector<float> expected = forward(alone, condition, 2);
    for (int threads : {2, 3}) {
      Decoder shared(config, threads);
      randomise(shared);
      EXPECT_EQ(forward(shared, condition, 2), expected);
    }
    for (size_t i = 0; i < condition.size() / 2; ++i) condition[i] = -condition[i];
    const std::vector<float> other = forward(alone, condition, 2);
    const size_t half = expected.size() / 2;
    EXPECT_NE(std::vector<float>(other.begin(), other.begin() + half),
              std::vector<float>(expected.begin(), expected.begin() + half));
    EXPECT_EQ(std::vector<float>(other.begin() + half, other.end()),
              std::vector<float>(expected.begin() + half, expected.end()));
  }
}

TEST(Decoder, works_within_a_limit_and_reports_what_it_needs_if_that_is_too_low) {
  Decoder decoder({{{40, 60, 70}, {50, 60, 70}, {60, 30, 40}}, 7}, 2);
  Job initialisation;
  decoder.initialise(1, initialisation);
  const std::vector<float> condition = random_values(condition_elements(decoder, 2), 7);
  const int64_t free = decoder.workspace_bytes(2);
  std::vector<float> tokens(2 * decoder.config().features.back().elements()), other(tokens.size());
  Job job;
  decoder.forward(condition.data(), 2, tokens.data(), job);

  const int64_t half = free / 2;
  EXPECT_LE(decoder.workspace_bytes(2, half), half);
  decoder.forward(condition.data(), 2, other.data(), job, half);
  EXPECT_LE(relative_error(other, std::vector<double>(tokens.begin(), tokens.end())), 3e-6);

  for (int64_t too_little : {int64_t{0}, int64_t{100'000}, free / 10}) {
    const int64_t enough = decoder.workspace_bytes(2, too_little);
    EXPECT_GT(enough, too_little);
    EXPECT_LE(decoder.workspace_bytes(2, enough), enough);
    decoder.forward(condition.data(), 2, other.data(), job, enough);
    EXPECT_LE(relative_error(other, std::vector<double>(tokens.begin(), tokens.end())), 3e-6);
    try {
      decoder.forward(condition.data(), 2, other.data(), job, too_little);
      ADD_FAILURE() << too_little << " bytes were enough";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kOutOfMemory);
      EXPECT_NE(std::string(error.what()).find("needs " + std::to_string(enough)), std::string::npos) << error.what();
    }
  }
}

TEST(Decoder, allocates_exactly_the_workspace_bytes_that_it_reports) {
  const DndAdapterTensor tensors[] = {{0, 3, 8, 0, 0}, {3, 3, 9, 1, 16}};
  const DndAdapterLayout layout = {6, 4, 6, 2, 3, 34, tensors, 2};
  for (uint32_t seed = 0; seed < 40; ++seed) {
    DecoderConfig config = test::random_config(seed);
    config.features.push_back({6, 4, 6});
    test::TrainingDevice device;
    Decoder decoder(config, device.choice());
    randomise(decoder);
    const int64_t batch = 1 + seed % 3;
    const std::vector<float> condition = random_values(condition_elements(decoder, batch), 7);
    const int64_t limit = seed % 2 == 0 ? Decoder::kNoLimit : decoder.workspace_bytes(batch, 0);
    std::vector<float> tokens(batch * 6 * 4 * 6);
    Job job;
    decoder.forward(condition.data(), batch, tokens.data(), job, limit);
    EXPECT_EQ(device.peak_allocated, decoder.workspace_bytes(batch, limit)) << seed;

    device.peak_allocated = 0;
    std::vector<std::vector<float>> adapters(batch, std::vector<float>(34));
    std::vector<float*> places;
    for (std::vector<float>& adapter : adapters) places.push_back(adapter.data());
    decoder.adapters(condition.data(), batch, layout, places.data(), job);
    EXPECT_EQ(device.peak_allocated, decoder.workspace_bytes(batch, Decoder::kNoLimit, 34)) << seed;
    EXPECT_EQ(device.misuses, std::vector<std::string>());
  }
}

TEST(Decoder, names_its_parameters_as_published) {
  const Decoder decoder(kProjected, 1);
  std::vector<std::string> names;
  for (const ParameterInfo& info : decoder.parameters()) names.push_back(info.name);
  const std::string layer = "decoder.module_list.0.";
  EXPECT_EQ(names,
            (std::vector<std::string>{layer + "linear1.norm.weight", layer + "linear1.norm.bias",
                                      layer + "linear1.bias", layer + "linear1.conv1w.weight",
                                      layer + "linear1.conv1h.weight", layer + "linear1.conv2w.weight",
                                      layer + "linear1.conv2h.weight", layer + "linear2.weight", layer + "linear2.bias",
                                      "down_proj.weight", "down_proj.bias", "gate_proj.weight", "gate_proj.bias"}));
  EXPECT_EQ(decoder.parameters()[3].shape, (std::vector<int64_t>{12, 6, 3, 3}));
  EXPECT_EQ(decoder.parameters()[4].shape, (std::vector<int64_t>{8, 10, 3, 3}));
  EXPECT_EQ(decoder.parameters()[9].shape, (std::vector<int64_t>{10, 35}));
}

TEST(Decoder, stops_when_its_job_is_cancelled) {
  Decoder decoder(kSmall, 2);
  randomise(decoder);
  const std::vector<float> condition = random_values(condition_elements(decoder, 1), 7);
  std::vector<float> tokens(kSmall.features.back().elements());
  Job job;
  job.cancel();
  try {
    decoder.forward(condition.data(), 1, tokens.data(), job);
    FAIL() << "the cancelled job went on";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kAborted);
  }
  EXPECT_EQ(forward(decoder, condition, 1), forward(decoder, condition, 1));  // and is still usable
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // sanitizers keep their bookkeeping resident
TEST(Decoder, frees_the_memory_of_a_forward_pass_that_was_cancelled_halfway) {
  Decoder decoder({{{40, 200, 200}, {60, 100, 160}, {60, 100, 160}}, 7}, 2);
  Job initialisation;
  decoder.initialise(1, initialisation);
  const std::vector<float> condition = random_values(condition_elements(decoder, 1), 7);
  std::vector<float> tokens(decoder.config().features.back().elements(), 1.0f);
  const int64_t before = test::resident_bytes();
  Job job;
  std::thread canceller([&] {
    while (job.progress() == 0) std::this_thread::yield();
    job.cancel();
  });
  EXPECT_THROW(decoder.forward(condition.data(), 1, tokens.data(), job), Error);
  canceller.join();
  EXPECT_LT(job.progress(), 1);
  EXPECT_GT(decoder.workspace_bytes(1), int64_t{20} << 20);
  EXPECT_LT(test::resident_bytes(), before + (int64_t{4} << 20));
}
#endif

std::string refusal(DecoderConfig config) {
  try {
    const Decoder decoder(config, 1);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Decoder, rejects_invalid_sizes_by_name) {
  EXPECT_NE(refusal({{{1, 2, 3}}, 3}).find("at least two features"), std::string::npos);
  EXPECT_NE(refusal({{{1, 2, 3}, {1, 0, 3}}, 3}).find("feature 1 is [1, 0, 3]"), std::string::npos);
  EXPECT_NE(refusal({{{1, 2, 3}, {1, 2, 3}}, 4}).find("kernel size is 4"), std::string::npos);
  const int64_t large = int64_t{1} << 31;
  EXPECT_NE(refusal({{{large, 1, 1}, {large, 1, 1}}, 9}).find("size overflow"), std::string::npos);
  EXPECT_NE(refusal({{{large, 1, 1}, {1, large, 1}}, 1}).find("size overflow"), std::string::npos);
  Decoder decoder(kSmall, 1);
  EXPECT_THROW(decoder.workspace_bytes(0), Error);
  EXPECT_THROW(decoder.workspace_bytes(int64_t{1} << 60), Error);
}

TEST(Decoder, names_the_parameter_that_did_not_fit_into_memory) {
  const std::string message = refusal({{{1 << 20, 1, 1}, {1 << 24, 1, 1}}, 5});
  EXPECT_NE(message.find("decoder.module_list.0.linear2.weight [16777216, 1048576, 5, 5]"), std::string::npos)
      << message;
}

}  // namespace
}  // namespace dnd
