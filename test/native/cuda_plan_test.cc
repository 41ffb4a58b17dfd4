#include "plan/cuda_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "core/status.h"
#include "plan/decoder_plan.h"
#include "plan/transform_sizes.h"
#include "published_decoders.h"

namespace dnd {
namespace {

constexpr int64_t kMebibyte = int64_t{1} << 20;
const char* const kModels[] = {"a100-sxm-80gb", "h200", "l4"};
constexpr DndPrecision kPrecisions[] = {kDndMixed, kDndFloat32};

CudaPlanOptions options_for(const char* model, DndAlgorithm algorithm = kDndAuto, DndPrecision precision = kDndMixed,
                            int64_t workspace_bytes = PlanOptions::kDefaultWorkspaceBytes,
                            bool spectra_resident = true) {
  return {model, algorithm, precision, workspace_bytes, spectra_resident};
}

std::string name(const ConvolutionShape& s) {
  return std::to_string(s.batch) + " × " + std::to_string(s.channels) + " → " + std::to_string(s.out_channels) + ", " +
         std::to_string(s.size_i) + " × " + std::to_string(s.size_j) + ", kernel " + std::to_string(s.kernel);
}

/// Odd and short axes, one channel, one tile, every kernel that has a transform; then shapes of every magnitude.
std::vector<ConvolutionShape> shapes() {
  std::vector<ConvolutionShape> shapes = {
      {1, 1, 1, 1, 1, 1},        {1, 1, 1, 1, 1, 15},      {2, 7, 5, 13, 1, 9},
      {3, 25, 129, 1, 200, 9},   {1, 129, 25, 10, 130, 9}, {1, 300, 300, 3, 2, 11},
      {64, 200, 130, 10, 33, 9}, {5, 8, 8, 17, 31, 15},    {1, 2048, 4296, 10, 130, 9}};
  std::mt19937 random(47);
  const auto up_to = [&random](double most) {
    return static_cast<int64_t>(std::pow(most + 1, static_cast<double>(random()) / 4294967296.0));
  };
  while (shapes.size() < 36) {
    shapes.push_back(
        {up_to(64), up_to(4000), up_to(4000), up_to(1000), up_to(1000), 1 + 2 * static_cast<int64_t>(random() % 8)});
  }
  return shapes;
}

void for_each(const std::function<void(const ConvolutionShape&, const CudaPlanOptions&)>& check,
              DndAlgorithm algorithm = kDndSpectral) {
  for (const char* model : kModels) {
    for (DndPrecision precision : kPrecisions) {
      for (const ConvolutionShape& shape : shapes()) {
        SCOPED_TRACE(name(shape) + ", " + model + (precision == kDndFloat32 ? ", float32" : ""));
        check(shape, options_for(model, algorithm, precision, int64_t{1} << 40));
      }
    }
  }
}

/// Every field of a plan, numbers exactly.
std::string fields_of(const CudaConvolutionPlan& plan) {
  std::string text = plan.algorithm == Algorithm::kDirect ? "direct" : "spectral";
  const CudaTiling& t = plan.tiling;
  for (int64_t number : {t.full.size, t.full.points, t.halved.size, t.halved.points, int64_t{t.halved_is_rows},
                         int64_t{plan.product_tile}, plan.chunk_tiles, plan.chunk_outs, plan.workspace_bytes}) {
    (text += ' ') += std::to_string(number);
  }
  const CudaCost& c = plan.cost;
  for (double seconds : {c.scale, c.forward, c.weights, c.product, c.inverse, c.direct}) {
    char exact[40];
    std::snprintf(exact, sizeof(exact), " %a", seconds);
    text += exact;
  }
  for (const RejectedCandidate& rejected : plan.rejected) text += "; " + rejected.candidate + ": " + rejected.reason;
  return text;
}

Error error_of(const std::function<void()>& run) {
  try {
    run();
  } catch (const Error& error) {
    return error;
  }
  return {ErrorCode::kInternal, "no error"};
}

void expect_axis(const TileAxis& axis, int64_t size, int64_t kernel) {
  EXPECT_EQ(axis.size, size);
  EXPECT_EQ(axis.kernel, kernel);
  EXPECT_EQ(std::count(std::begin(kCudaTransformSizes), std::end(kCudaTransformSizes), axis.points), 1);
  EXPECT_TRUE(axis.whole() || axis.points >= kernel);
  EXPECT_GE(axis.valid(), 1);
  int64_t outputs = 0;
  for (int64_t tile = 0; tile < axis.tiles(); ++tile) {
    EXPECT_GE(axis.output_count(tile), 1);
    outputs += axis.output_count(tile);
  }
  EXPECT_EQ(outputs, size);
  for (int64_t smaller : kCudaTransformSizes) {
    EXPECT_FALSE((smaller < axis.points && TileAxis{size, kernel, smaller}.whole())) << axis.points << " points";
  }
}

void expect_valid(const CudaConvolutionPlan& plan, const CudaPlanOptions& options) {
  const ConvolutionShape& shape = plan.shape;
  const CudaTiling& tiling = plan.tiling;
  expect_axis(tiling.halved, tiling.halved_is_rows ? shape.size_i : shape.size_j, shape.kernel);
  expect_axis(tiling.full, tiling.halved_is_rows ? shape.size_j : shape.size_i, shape.kernel);
  EXPECT_GE(plan.product_tile, 0);
  EXPECT_LT(plan.product_tile, static_cast<int>(std::size(kCudaProductTiles)));
  EXPECT_GE(plan.chunk_tiles, 1);
  EXPECT_LE(plan.chunk_tiles, plan.tiles());
  EXPECT_GE(plan.chunk_outs, 1);
  EXPECT_LE(plan.chunk_outs, shape.out_channels);
  EXPECT_TRUE(plan.chunk_outs % 4 == 0 || plan.chunk_outs == shape.out_channels) << plan.chunk_outs;
  EXPECT_LE(plan.workspace_bytes, options.workspace_bytes);
  EXPECT_EQ(plan.workspace_bytes, plan.scale_bytes() + plan.scale_part_bytes() +
                                      plan.tile_spectra_bytes(options.precision) + plan.product_bytes() +
                                      plan.chunk_weight_bytes(options.precision, options.spectra_resident));
  // The last chunk is not empty.
  EXPECT_LT((plan.tile_chunks() - 1) * plan.chunk_tiles, plan.tiles());
  EXPECT_LT((plan.out_chunks() - 1) * plan.chunk_outs, shape.out_channels);
}

TEST(CudaPlan, is_the_same_for_the_same_shape_and_options) {
  for (DndAlgorithm algorithm : {kDndAuto, kDndDirect, kDndSpectral}) {
    for_each(
        [](const ConvolutionShape& shape, const CudaPlanOptions& options) {
          EXPECT_EQ(fields_of(plan_cuda_convolution(shape, options)), fields_of(plan_cuda_convolution(shape, options)));
        },
        algorithm);
  }
}

TEST(CudaPlan, has_tiles_that_cover_both_axes_and_chunks_that_cover_the_convolution) {
  for_each([](const ConvolutionShape& shape, const CudaPlanOptions& options) {
    expect_valid(plan_cuda_convolution(shape, options), options);
  });
}

TEST(CudaPlan, of_every_published_convolution_is_spectral_and_valid_for_any_batch) {
  for (const PublishedDecoder& decoder : published_decoders()) {
    for (size_t layer = 0; layer + 1 < decoder.features.size(); ++layer) {
      for (LayerConvolution convolution : kLayerConvolutions) {
        for (int64_t batch : {1, 8, 64}) {
          const ConvolutionShape shape =
              shape_of(convolution, decoder.features[layer], decoder.features[layer + 1], decoder.kernel, batch);
          SCOPED_TRACE(decoder.name + ": " + name(shape));
          const CudaPlanOptions options = options_for("h200");
          const CudaConvolutionPlan plan = plan_cuda_convolution(shape, options);
          EXPECT_EQ(plan.algorithm, Algorithm::kSpectral);
          expect_valid(plan, options);
          EXPECT_LT(plan.executed_multiply_adds(), plan.direct_multiply_adds());
        }
      }
    }
  }
}

TEST(CudaPlan, has_the_same_tiling_for_every_batch_workspace_and_form_of_weights) {
  for_each([](ConvolutionShape shape, CudaPlanOptions options) {
    const CudaTiling tiling = cuda_tiling(shape, options.device_model, options.precision);
    const Algorithm algorithm = [&] {
      CudaPlanOptions either = options;
      either.algorithm = kDndAuto;
      return plan_cuda_convolution(shape, either).algorithm;
    }();
    for (int64_t batch : {1, 3, 100}) {
      shape.batch = batch;
      for (bool resident : {true, false}) {
        options.spectra_resident = resident;
        for (int64_t workspace : {cuda_least_workspace(shape, options), int64_t{1} << 40}) {
          options.workspace_bytes = workspace;
          options.algorithm = kDndSpectral;
          EXPECT_EQ(plan_cuda_convolution(shape, options).tiling, tiling);
          options.algorithm = kDndAuto;
          EXPECT_EQ(plan_cuda_convolution(shape, options).algorithm, algorithm);
        }
        options.algorithm = kDndSpectral;
      }
    }
  });
}

TEST(CudaPlan, counts_the_bytes_that_the_layouts_take) {
  for_each([](const ConvolutionShape& shape, CudaPlanOptions options) {
    options.spectra_resident = false;
    const CudaConvolutionPlan plan = plan_cuda_convolution(shape, options);
    const CudaTiling& tiling = plan.tiling;
    // docs/cuda.md: the rows of columns 0 and Ph/2 that are not another's conjugate, and all of the columns between.
    const int64_t frequencies = 2 * (tiling.full.points / 2 + 1) + (tiling.halved.points / 2 - 1) * tiling.full.points;
    const int64_t number = options.precision == kDndFloat32 ? 4 : 2;
    const int64_t pitch = (shape.channels + 7) / 8 * 8, out_pitch = (plan.chunk_outs + 3) / 4 * 4;
    const auto rounded = [](int64_t bytes) { return (bytes + 255) / 256 * 256; };
    EXPECT_EQ(tiling.frequencies(), frequencies);
    EXPECT_EQ(plan.scale_bytes(), rounded(4 * shape.batch));
    const int64_t numbers = shape.channels * shape.size_i * shape.size_j;
    EXPECT_EQ(plan.scale_part_bytes(), rounded(4 * shape.batch * std::clamp<int64_t>((numbers + 8191) / 8192, 1, 512)));
    EXPECT_EQ(plan.tile_spectra_bytes(options.precision), rounded(frequencies * 2 * plan.chunk_tiles * pitch * number));
    EXPECT_EQ(plan.product_bytes(), rounded(frequencies * 2 * plan.chunk_tiles * out_pitch * 4));
    EXPECT_EQ(plan.chunk_weight_bytes(options.precision, false),
              rounded(frequencies * 2 * plan.chunk_outs * pitch * number));
    EXPECT_EQ(plan.chunk_weight_bytes(options.precision, true), 0);
    EXPECT_EQ(cuda_weight_spectra_bytes(shape, tiling, options.precision),
              frequencies * 2 * shape.out_channels * pitch * number);
    EXPECT_EQ(cuda_weight_spectra_bytes(shape, tiling, kDndFloat32),
              2 * cuda_weight_spectra_bytes(shape, tiling, kDndMixed));
  });
}

TEST(CudaPlan, stays_within_its_workspace_and_is_never_slower_with_more) {
  for (bool resident : {true, false}) {
    for_each([resident](const ConvolutionShape& shape, CudaPlanOptions options) {
      options.spectra_resident = resident;
      const int64_t least = cuda_least_workspace(shape, options);
      double before = INFINITY;
      for (int64_t workspace = least; workspace < int64_t{1} << 34; workspace += workspace + 1) {
        options.workspace_bytes = workspace;
        const CudaConvolutionPlan plan = plan_cuda_convolution(shape, options);
        expect_valid(plan, options);
        EXPECT_LE(plan.cost.total(), before) << workspace;
        before = plan.cost.total();
      }
      options.workspace_bytes = least - 1;
      const Error error = error_of([&] { plan_cuda_convolution(shape, options); });
      EXPECT_EQ(error.code(), ErrorCode::kOutOfMemory);
      EXPECT_NE(std::string(error.what()).find("at least " + std::to_string(least) + " bytes"), std::string::npos)
          << error.what();
    });
  }
}

TEST(CudaPlan, takes_whole_tasks_at_a_time_where_they_fit) {
  const ConvolutionShape shape = {8, 300, 300, 100, 128, 9};
  CudaPlanOptions options = options_for("h200", kDndSpectral);
  const int64_t all = plan_cuda_convolution(shape, options_for("h200", kDndSpectral, kDndMixed, INT64_MAX)).tiles();
  options.workspace_bytes = 128 * kMebibyte;
  const CudaConvolutionPlan plan = plan_cuda_convolution(shape, options);
  EXPECT_LT(plan.chunk_tiles, all);
  EXPECT_EQ(plan.chunk_tiles % plan.tiling.plane_tiles(), 0) << plan.chunk_tiles;
}

TEST(CudaPlan, predicts_positive_times_and_takes_the_faster_algorithm_for_one_task) {
  for_each(
      [](ConvolutionShape shape, CudaPlanOptions options) {
        shape.batch = 1;
        const CudaConvolutionPlan taken = plan_cuda_convolution(shape, options);
        options.algorithm = kDndDirect;
        const CudaConvolutionPlan direct = plan_cuda_convolution(shape, options);
        options.algorithm = kDndSpectral;
        const CudaConvolutionPlan spectral = plan_cuda_convolution(shape, options);
        EXPECT_EQ(direct.algorithm, Algorithm::kDirect);
        EXPECT_EQ(spectral.algorithm, Algorithm::kSpectral);
        EXPECT_GT(direct.cost.direct, 0);
        EXPECT_EQ(direct.cost.total(), direct.cost.direct);
        EXPECT_EQ(direct.workspace_bytes, 0);
        const CudaCost& cost = spectral.cost;
        for (double seconds : {cost.scale, cost.forward, cost.product, cost.inverse}) EXPECT_GT(seconds, 0);
        EXPECT_EQ(cost.weights, 0);
        EXPECT_EQ(taken.cost.total(), std::min(direct.cost.total(), cost.total()));
        options.spectra_resident = false;
        EXPECT_GT(plan_cuda_convolution(shape, options).cost.weights, 0);
      },
      kDndAuto);
}

TEST(CudaPlan, is_direct_for_one_channel_of_a_small_plane_and_spectral_for_many) {
  EXPECT_EQ(plan_cuda_convolution({1, 1, 1, 8, 8, 9}, options_for("h200")).algorithm, Algorithm::kDirect);
  EXPECT_EQ(plan_cuda_convolution({1, 300, 300, 100, 100, 9}, options_for("h200")).algorithm, Algorithm::kSpectral);
}

TEST(CudaPlan, is_direct_for_kernels_that_have_no_transform) {
  const ConvolutionShape shape = {1, 300, 300, 100, 100, kLargestSpectralKernel + 2};
  const CudaConvolutionPlan plan = plan_cuda_convolution(shape, options_for("h200"));
  EXPECT_EQ(plan.algorithm, Algorithm::kDirect);
  ASSERT_EQ(plan.rejected.size(), 1u);
  EXPECT_EQ(plan.rejected[0].reason, "kernels of more than 15 taps have no weight transform");
  for (const auto& run :
       {std::function<void()>([&] { plan_cuda_convolution(shape, options_for("h200", kDndSpectral)); }),
        std::function<void()>([&] { cuda_tiling(shape, "h200", kDndMixed); })}) {
    const Error error = error_of(run);
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_NE(std::string(error.what()).find("more than 15 taps"), std::string::npos) << error.what();
  }
}

TEST(CudaPlan, gives_the_reason_for_each_rejected_algorithm_and_tiling) {
  for_each(
      [](const ConvolutionShape& shape, const CudaPlanOptions& options) {
        const CudaConvolutionPlan plan = plan_cuda_convolution(shape, options);
        ASSERT_FALSE(plan.rejected.empty());
        const std::string& first = plan.rejected.front().candidate;
        EXPECT_EQ(first.find(plan.algorithm == Algorithm::kDirect ? "spectral" : "direct"), 0u) << first;
        for (const RejectedCandidate& rejected : plan.rejected) {
          EXPECT_EQ(rejected.reason.find("predicted "), 0u) << rejected.reason;
          EXPECT_EQ(rejected.reason.find(", -"), std::string::npos) << rejected.candidate << ": " << rejected.reason;
        }
      },
      kDndAuto);
  EXPECT_EQ(plan_cuda_convolution({1, 300, 300, 100, 100, 9}, options_for("h200", kDndSpectral)).rejected[0].reason,
            "the spectral algorithm was requested");
  EXPECT_EQ(plan_cuda_convolution({1, 300, 300, 100, 100, 9}, options_for("h200", kDndDirect)).rejected[0].reason,
            "the direct algorithm was requested");
}

TEST(CudaPlan, rejects_invalid_sizes_kernels_and_devices) {
  const auto expect_refused = [](const ConvolutionShape& shape, const char* model, const char* reason) {
    const Error error = error_of([&] { plan_cuda_convolution(shape, options_for(model)); });
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_NE(std::string(error.what()).find(reason), std::string::npos) << error.what();
  };
  expect_refused({0, 1, 1, 1, 1, 1}, "h200", "the batch is 0");
  expect_refused({1, 0, 1, 1, 1, 1}, "h200", "the number of channels is 0");
  expect_refused({1, 1, -1, 1, 1, 1}, "h200", "the number of output channels is -1");
  expect_refused({1, 1, 1, 0, 1, 1}, "h200", "the first spatial axis is 0");
  expect_refused({1, 1, 1, 1, 0, 1}, "h200", "the second spatial axis is 0");
  expect_refused({1, 1, 1, 1, 1, 4}, "h200", "must be odd");
  expect_refused({1, 1, 1, 1, 1, 1}, "h2000", "no committed rates for the device model 'h2000'");
}

}  // namespace
}  // namespace dnd
