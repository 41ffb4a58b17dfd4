#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "model/decoder.h"
#include "model/text_encoder.h"
#include "random_values.h"
#include "recording_device.h"

namespace dnd {
namespace {

using test::random_values;
using test::RecordingDevice;

const DecoderConfig kConfig = {{{3, 7, 9}, {5, 7, 8}, {5, 7, 8}, {6, 4, 6}}, 5};
const DecoderConfig kProjected = {{{4, 10, 6}, {6, 8, 12}}, 3, 35};

std::vector<float> condition_of(const DecoderConfig& config, int64_t batch, uint32_t seed = 7) {
  const Feature& first = config.features.front();
  const int64_t height = config.projected_from > 0 ? config.projected_from : first.height;
  return random_values(batch * first.tokens * height * first.width, seed);
}

void initialise(Decoder& decoder, uint64_t seed = 5) {
  Job job;
  decoder.initialise(seed, job);
}

std::vector<float> forward(Decoder& decoder, int64_t batch, uint32_t seed = 7) {
  const std::vector<float> condition = condition_of(decoder.config(), batch, seed);
  std::vector<float> tokens(batch * decoder.config().features.back().elements(), NAN);
  Job job;
  decoder.forward(condition.data(), batch, tokens.data(), job);
  EXPECT_EQ(job.progress(), 1);
  return tokens;
}

/// Result of a decoder on the CPU.
std::vector<float> expected(const DecoderConfig& config, int64_t batch, uint32_t seed = 7, uint64_t parameters = 5) {
  Decoder decoder(config, 2);
  initialise(decoder, parameters);
  return forward(decoder, batch, seed);
}

TEST(Passes, of_a_decoder_are_recorded_once_for_each_batch_and_repeated_with_new_input) {
  for (const DecoderConfig& config : {kConfig, kProjected}) {
    RecordingDevice device;
    Decoder decoder(config, device.choice());
    initialise(decoder);
    EXPECT_EQ(forward(decoder, 1), expected(config, 1));
    EXPECT_EQ(forward(decoder, 3), expected(config, 3));
    EXPECT_EQ(device.repeated, 0);
    forward(decoder, 1);  // the block may have grown for the other batch
    const int operations = device.operations, repeated = device.repeated;
    EXPECT_EQ(forward(decoder, 1, 99), expected(config, 1, 99));
    EXPECT_EQ(forward(decoder, 1, 100), expected(config, 1, 100));
    EXPECT_EQ(device.operations, operations);
    EXPECT_EQ(device.repeated, repeated + 2);
    EXPECT_EQ(device.misuses, std::vector<std::string>());
  }
}

TEST(Passes, never_allocate_more_than_they_report) {
  RecordingDevice device;
  Decoder decoder(kConfig, device.choice());
  initialise(decoder);
  for (int64_t batch : {1, 4}) {
    forward(decoder, batch);
    // Each allocation may round up by 256; fewer than ten exist at the same time.
    EXPECT_LE(device.peak_allocated, device.pass_bytes.back() + 10 * 256);
    EXPECT_EQ(decoder.workspace_bytes(batch), device.pass_bytes.back());
  }
}

TEST(Passes, use_written_parameters_and_invalidate_the_previous_ones) {
  RecordingDevice device;
  Decoder decoder(kConfig, device.choice());
  initialise(decoder);
  forward(decoder, 1);
  forward(decoder, 1);
  const int invalidations = device.invalidations;
  forward(decoder, 1);
  EXPECT_EQ(device.invalidations, invalidations);  // nothing was written

  initialise(decoder, 6);
  EXPECT_EQ(forward(decoder, 1), expected(kConfig, 1, 7, 6));
  EXPECT_EQ(device.invalidations, invalidations + 1);

  const Decoder& reader = decoder;
  EXPECT_EQ(reader.parameter("decoder.module_list.0.linear2.bias"),
            decoder.parameter("decoder.module_list.0.linear2.bias"));  // requested for writing
  decoder.parameter("decoder.module_list.2.linear2.bias")[0] += 1;
  std::vector<float> moved = expected(kConfig, 1, 7, 6);
  for (int64_t i = 0; i < 24; ++i) moved[i] = NAN;
  const std::vector<float> found = forward(decoder, 1);
  EXPECT_NE(found[0], expected(kConfig, 1, 7, 6)[0]);
  EXPECT_EQ(std::vector<float>(found.begin() + 24, found.end()), std::vector<float>(moved.begin() + 24, moved.end()));
  EXPECT_EQ(device.invalidations, invalidations + 2);
  EXPECT_EQ(device.misuses, std::vector<std::string>());
}

TEST(Passes, after_prepare_find_everything_resident) {
  RecordingDevice device;
  Decoder decoder(kProjected, device.choice());
  initialise(decoder);
  Job job;
  decoder.prepare(job);
  EXPECT_EQ(job.progress(), 1);
  EXPECT_EQ(device.resident.size(), decoder.parameters().size());
  EXPECT_EQ(device.passes, 0);
  // Earlier uploads also leave space for later ones.
  EXPECT_TRUE(std::is_sorted(device.reserved_bytes.rbegin(), device.reserved_bytes.rend()));
  EXPECT_EQ(device.reserved_bytes.back(), decoder.workspace_bytes(1));
  forward(decoder, 1);
  EXPECT_EQ(device.resident.size(), decoder.parameters().size());
}

TEST(Passes, reconstruct_adapters_and_have_keys_that_depend_on_the_layout) {
  std::vector<DndAdapterTensor> tensors = {{0, 3, 8, 0, 0}, {3, 3, 9, 1, 16}};
  DndAdapterLayout layout = {6, 4, 6, 2, 3, 34, tensors.data(), 2};
  RecordingDevice device;
  Decoder decoder(kConfig, device.choice()), reference(kConfig, 2);
  initialise(decoder);
  initialise(reference);
  const std::vector<float> condition = condition_of(kConfig, 2);
  const auto adapters = [&](Decoder& from) {
    std::vector<float> first(layout.elements, NAN), second(layout.elements, NAN);
    float* const places[] = {first.data(), second.data()};
    Job job;
    from.adapters(condition.data(), 2, layout, places, job);
    first.insert(first.end(), second.begin(), second.end());
    return first;
  };
  EXPECT_EQ(adapters(decoder), adapters(reference));
  EXPECT_EQ(adapters(decoder), adapters(reference));
  EXPECT_EQ(device.repeated, 1);
  std::swap(tensors[0].offset, tensors[1].offset);
  tensors[0].offset = 18;
  EXPECT_EQ(adapters(decoder), adapters(reference));
  EXPECT_EQ(device.repeated, 1);
  EXPECT_EQ(forward(decoder, 2), forward(reference, 2));
  EXPECT_EQ(device.repeated, 1);
  EXPECT_EQ(device.misuses, std::vector<std::string>());

  layout.width = 8;
  try {
    adapters(decoder);
    FAIL() << "a layout of other tokens was accepted";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "the adapter layout has weight tokens [6, 4, 8], and the decoder gives [6, 4, 6]");
  }
}

TEST(Passes, that_are_cancelled_are_abandoned_and_do_not_affect_the_next) {
  RecordingDevice device;
  Decoder decoder(kConfig, device.choice());
  initialise(decoder);
  const std::vector<float> condition = condition_of(kConfig, 1);
  std::vector<float> tokens(kConfig.features.back().elements());
  Job job;
  job.cancel();
  EXPECT_THROW(decoder.forward(condition.data(), 1, tokens.data(), job), Error);
  EXPECT_EQ(device.abandoned, 1);
  EXPECT_EQ(forward(decoder, 1), expected(kConfig, 1));
  EXPECT_EQ(device.misuses, std::vector<std::string>());
}

TEST(Passes, use_smaller_workspaces_if_memory_is_short_then_upload_again_then_fail) {
  DecoderConfig config = {{{40, 60, 70}, {50, 60, 70}, {60, 30, 40}}, 7};
  config.algorithm = kDndSpectral;
  RecordingDevice device;
  Decoder decoder(config, device.choice());
  initialise(decoder);
  const std::vector<float> plenty = forward(decoder, 2);
  const int64_t natural = device.pass_bytes.back();
  device.capacity = natural * 6 / 10;
  const std::vector<float> little = forward(decoder, 2);
  EXPECT_LE(device.pass_bytes.back(), device.capacity);
  EXPECT_LE(test::relative_error(little, plenty), 3e-6);

  device.capacity = 1000;
  const int invalidations = device.invalidations;
  try {
    forward(decoder, 2);
    FAIL() << "a thousand bytes were enough";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kOutOfMemory);
    EXPECT_NE(std::string(error.what()).find("a forward pass over a batch of 2 needs "), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("the pass does not fit"), std::string::npos) << error.what();
  }
  EXPECT_EQ(device.invalidations, invalidations + 1);
  device.capacity = INT64_MAX;
  EXPECT_EQ(forward(decoder, 2), plenty);
}

TEST(Passes, of_a_text_encoder_are_recorded_for_each_shape_of_a_chunk) {
  const TextEncoderConfig config = {50, 18, 2, 3, 40, 40, 2, 1e-12f, Activation::kGelu};
  RecordingDevice device;
  TextEncoder encoder(config, device.choice()), reference(config, 2);
  for (const ParameterInfo& info : reference.parameters()) {
    const std::vector<float> values = random_values(info.elements(), 3 + static_cast<uint32_t>(info.name.size()));
    std::copy(values.begin(), values.end(), encoder.parameter(info.name));
    std::copy(values.begin(), values.end(), reference.parameter(info.name));
  }
  for (const Pooling pooling : {Pooling::kNone, Pooling::kMean, Pooling::kCls}) {
    const EncodeShape shape = {3, 8, 8, Padding::kEncode, pooling};
    const auto encoded = [&](TextEncoder& by, int32_t step) {
      std::vector<int32_t> ids(24), mask(24);
      for (int32_t i = 0; i < 24; ++i) ids[i] = i * step % 50, mask[i] = i % 8 < 5;
      std::vector<float> states(3 * (pooling == Pooling::kNone ? 8 : 1) * 18, NAN);
      Job job;
      by.encode(ids.data(), mask.data(), shape, states.data(), job);
      return states;
    };
    EXPECT_EQ(encoded(encoder, 7), encoded(reference, 7));
    const int operations = device.operations;
    EXPECT_EQ(encoded(encoder, 11), encoded(reference, 11));
    EXPECT_EQ(device.operations, operations);
  }
  EXPECT_EQ(device.resident.size() + 2 * 4, encoder.parameters().size());  // query, key and value are uploaded as one
  encoder.parameter("embeddings.LayerNorm.bias")[0] += 1;
  Job job;
  encoder.prepare(job);
  EXPECT_EQ(device.invalidations, 1 + 1);
  EXPECT_EQ(device.misuses, std::vector<std::string>());
}

}  // namespace
}  // namespace dnd
