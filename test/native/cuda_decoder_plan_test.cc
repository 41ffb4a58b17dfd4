#include "plan/cuda_decoder_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "core/status.h"
#include "plan/cuda_encoder_cost.h"
#include "published_decoders.h"

namespace dnd {
namespace {

CudaDecoderPlan plan_of(const PublishedDecoder& decoder, const char* model, int64_t batch = 1, int64_t memory = 0,
                        DndPrecision precision = kDndMixed) {
  CudaPlanOptions options;
  options.device_model = model;
  options.precision = precision;
  return plan_cuda_decoder(decoder.features, decoder.kernel, batch, options, memory);
}

int64_t resident_of(const CudaDecoderPlan& plan) {
  return std::count_if(plan.convolutions.begin(), plan.convolutions.end(),
                       [](const CudaPlannedConvolution& each) { return each.spectra_resident; });
}

TEST(CudaDecoderPlan, keeps_all_spectra_resident_if_memory_allows) {
  for (const PublishedDecoder& decoder : published_decoders()) {
    SCOPED_TRACE(decoder.name);
    const CudaDecoderPlan plan = plan_of(decoder, "h200");
    EXPECT_EQ(plan.convolutions.size(), 5 * (decoder.features.size() - 1));
    int64_t spectra = 0;
    for (const CudaPlannedConvolution& each : plan.convolutions) {
      EXPECT_TRUE(each.spectra_resident);
      EXPECT_EQ(each.plan.cost.weights, 0);
      spectra += cuda_weight_spectra_bytes(each.plan.shape, each.plan.tiling, kDndMixed);
    }
    EXPECT_EQ(plan.weight_bytes(), spectra);
    EXPECT_LE(plan.device_bytes(), plan.memory_bytes);
  }
}

TEST(CudaDecoderPlan, stays_within_its_memory_limit_and_is_slower_with_less) {
  const PublishedDecoder& decoder = published_decoders()[0];
  double before = 0;
  int64_t resident_before = 41;
  for (int64_t gigabytes : {9, 7, 6, 5}) {
    SCOPED_TRACE(gigabytes);
    const CudaDecoderPlan plan = plan_of(decoder, "h200", 1, gigabytes * 1000 * 1000 * 1000);
    EXPECT_LE(plan.device_bytes(), plan.memory_bytes);
    EXPECT_GE(plan.seconds(), before);
    EXPECT_LE(resident_of(plan), resident_before);
    before = plan.seconds();
    resident_before = resident_of(plan);
    for (const CudaPlannedConvolution& each : plan.convolutions) {
      EXPECT_EQ(each.spectra_resident, each.plan.cost.weights == 0);
      if (!each.spectra_resident) {
        EXPECT_EQ(each.resident_bytes, cuda_weight_tap_bytes(each.plan.shape));
      }
    }
  }
  EXPECT_LT(resident_before, 40);
}

TEST(CudaDecoderPlan, reports_sufficient_memory_if_there_is_too_little) {
  const PublishedDecoder& decoder = published_decoders()[0];
  for (int64_t batch : {1, 64}) {
    std::string message;
    try {
      plan_of(decoder, "h200", batch, 1000 * 1000 * 1000);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kOutOfMemory);
      message = error.what();
    }
    const std::string before = "takes ";
    const size_t at = message.find(before);
    ASSERT_NE(at, std::string::npos) << message;
    const int64_t sufficient = std::stoll(message.substr(at + before.size()));
    EXPECT_LE(plan_of(decoder, "h200", batch, sufficient).device_bytes(), sufficient);
    EXPECT_THROW(plan_of(decoder, "h200", batch, sufficient - 1), Error);
  }
}

TEST(CudaDecoderPlan, counts_activations_as_the_decoder_allocates_them) {
  // One layer (3, 4, 5) → (7, 8, 9): x 60, mean_rstd 9, first 3·4·9 = 108, a and s 3·8·9 = 216, p 3·8·5 = 120, y 504.
  const std::vector<Feature> growing = {{3, 4, 5}, {7, 8, 9}};
  EXPECT_EQ(cuda_activation_bytes(growing, 2), 2 * 4 * (216 + 504));
  // Equal shapes keep x for the residual: x, a, p and s are 60 each.
  const std::vector<Feature> equal = {{3, 4, 5}, {3, 4, 5}};
  EXPECT_EQ(cuda_activation_bytes(equal, 1), 4 * 4 * 60);
}

TEST(CudaDecoderPlan, needs_twice_the_bytes_for_float_spectra_of_the_same_tiling) {
  const CudaDecoderPlan mixed = plan_of(published_decoders()[0], "h200");
  const CudaDecoderPlan floats = plan_of(published_decoders()[0], "h200", 1, 0, kDndFloat32);
  for (size_t i = 0; i < mixed.convolutions.size(); ++i) {
    const CudaPlannedConvolution &half = mixed.convolutions[i], &whole = floats.convolutions[i];
    if (half.plan.tiling == whole.plan.tiling) {
      EXPECT_EQ(whole.resident_bytes, 2 * half.resident_bytes);
    }
  }
  EXPECT_GT(floats.seconds(), mixed.seconds());
}

TEST(CudaDecoderPlan, needs_two_features_and_a_known_device) {
  EXPECT_THROW(plan_of({"none", {{1, 1, 1}}, 3}, "h200"), Error);
  EXPECT_THROW(plan_of(published_decoders()[0], "h2000"), Error);
}

// Performance targets, as predicted by the model: a change of rates or tilings that misses one fails here.
TEST(CudaDecoderPlan, is_predicted_to_meet_the_targets_on_an_h200) {
  const CudaDecoderPlan half_billion = plan_of(published_decoders()[0], "h200");
  EXPECT_LE(half_billion.seconds(), 6e-3);
  EXPECT_LE(half_billion.device_bytes(), int64_t{9} * 1000 * 1000 * 1000);
  EXPECT_LE(plan_of(published_decoders()[3], "h200").seconds(), 15e-3);
  const CudaEncoderShape minilm = {12, 384, 12, 1536, 128, 384};
  EXPECT_LE(cuda_encoder_cost(minilm, kDndMixed, cuda_rates_of("h200")).total(), 10e-3);
}

TEST(CudaEncoderCost, grows_with_layers_and_faster_than_linearly_with_length) {
  const CudaRates& rates = cuda_rates_of("a100-sxm-80gb");
  const CudaEncoderCost one = cuda_encoder_cost({1, 384, 12, 1536, 64, 256}, kDndMixed, rates);
  const CudaEncoderCost two = cuda_encoder_cost({2, 384, 12, 1536, 64, 256}, kDndMixed, rates);
  EXPECT_DOUBLE_EQ(two.linear, 2 * one.linear);
  EXPECT_DOUBLE_EQ(two.embeddings, one.embeddings);
  const CudaEncoderCost longer = cuda_encoder_cost({1, 384, 12, 1536, 32, 512}, kDndMixed, rates);  // as many rows
  EXPECT_DOUBLE_EQ(longer.linear, one.linear);
  EXPECT_GT(longer.attention, 1.9 * one.attention);
  EXPECT_GT(cuda_encoder_cost({1, 384, 12, 1536, 64, 256}, kDndFloat32, rates).total(), one.total());
}

}  // namespace
}  // namespace dnd
