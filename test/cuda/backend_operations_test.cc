#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "test/cuda/backend_device.h"
#include "test/cuda/emulator/control.h"
#include "test/native/counted_control.h"
#include "test/native/random_values.h"

/// The operations of an encoder and the restoring of adapters through the table, by definition in double.
namespace dnd::test {
namespace {

constexpr const DndControl* kNone = nullptr;
constexpr int64_t kRows = 5, kColumns = 24;

double tolerance_of(DndPrecision precision) { return precision == kDndMixed ? 1e-3 : 2e-6; }

void upload(const BackendDevice& device, const std::vector<float>& values) {
  device.call(device->upload_values, values.data(), static_cast<int64_t>(values.size()));
}

const float* floats(const BackendArray& array) { return array.floats(); }

TEST(BackendOperations, normalise_rows_and_tell_their_moments) {
  const std::vector<float> x = random_values(kRows * kColumns, 1);
  const std::vector<float> weight = random_values(kColumns, 2), bias = random_values(kColumns, 3);
  std::vector<double> normal, mean_rstd;
  for (int64_t row = 0; row < kRows; ++row) {
    double mean = 0, variance = 0;
    for (int64_t i = 0; i < kColumns; ++i) mean += x[row * kColumns + i] / double{kColumns};
    for (int64_t i = 0; i < kColumns; ++i) variance += std::pow(x[row * kColumns + i] - mean, 2) / double{kColumns};
    const double scale = 1 / std::sqrt(variance + 1e-5);
    for (int64_t i = 0; i < kColumns; ++i)
      normal.push_back((x[row * kColumns + i] - mean) * scale * weight[i] + bias[i]);
    mean_rstd.insert(mean_rstd.end(), {mean, scale});
  }
  const BackendDevice device;
  upload(device, weight);
  upload(device, bias);
  const BackendArray from(device, x), y(device, kRows * kColumns * 4), told(device, kRows * 3 * 4);
  device.call(device->layer_norm, kNone, floats(from), kRows, kColumns, weight.data(), bias.data(), 1e-5f, y.floats());
  EXPECT_LE(relative_error(y.download(kRows * kColumns), normal), 1e-6);
  device.call(device->norm_statistics, kNone, floats(from), kRows, kColumns, 1e-5f, told.floats());
  const std::vector<float> found = told.download(kRows * 3);
  for (int64_t row = 0; row < kRows; ++row) {
    EXPECT_NEAR(found[3 * row] + double{found[3 * row + 1]}, mean_rstd[2 * row], 1e-12);
    EXPECT_NEAR(found[3 * row + 2], mean_rstd[2 * row + 1], 1e-6);
  }
}

TEST(BackendOperations, multiply_add_activate_and_add_a_residual) {
  constexpr int64_t kOut = 9;
  const std::vector<float> x = random_values(kRows * kColumns, 1), weight = random_values(kOut * kColumns, 2);
  const std::vector<float> bias = random_values(kOut, 3), residual = random_values(kRows * kOut, 4);
  std::vector<double> wanted;
  for (int64_t i = 0; i < kRows * kOut; ++i) {
    double sum = bias[i % kOut];
    for (int64_t in = 0; in < kColumns; ++in) {
      sum += double{x[i / kOut * kColumns + in]} * weight[i % kOut * kColumns + in];
    }
    wanted.push_back(sum * (1 + std::erf(sum / std::sqrt(2.0))) / 2 + residual[i]);
  }
  for (DndPrecision precision : {kDndMixed, kDndFloat32}) {
    const BackendDevice device(precision);
    device.call(device->upload_linear, DndWeight{weight.data()}, kOut, kColumns);
    upload(device, bias);
    const BackendArray from(device, x), added(device, residual), y(device, kRows * kOut * 4);
    CountedControl counted;
    device.call(device->linear, static_cast<const DndControl*>(&counted.control), floats(from), kRows, kColumns,
                DndWeight{weight.data()}, bias.data(), kOut, kDndGelu, floats(added), y.floats());
    EXPECT_LE(relative_error(y.download(kRows * kOut), wanted), tolerance_of(precision));
    EXPECT_EQ(counted.done, kRows * kColumns * kOut);
  }
}

TEST(BackendOperations, refuse_weights_in_half_precision) {
  const std::vector<uint16_t> halves(12);
  const BackendDevice device;
  const Failure failure =
      device.failure(device->upload_linear, DndWeight{halves.data(), kDndBfloat16Weight}, int64_t{3}, int64_t{4});
  EXPECT_EQ(failure.status, kDndInternal);
}

TEST(BackendOperations, look_embeddings_up) {
  const std::vector<float> word = random_values(7 * kColumns, 1), position = random_values(6 * kColumns, 2);
  const std::vector<float> type = random_values(2 * kColumns, 3);
  const std::vector<int32_t> ids = {6, 0, 3, 3, 1}, positions = {0, 1, 5, 2, 0};
  std::vector<double> wanted;
  for (int64_t row = 0; row < kRows; ++row) {
    for (int64_t i = 0; i < kColumns; ++i) {
      wanted.push_back(double{word[ids[row] * kColumns + i]} + position[positions[row] * kColumns + i] + type[i]);
    }
  }
  const BackendDevice device;
  for (const std::vector<float>* table : {&word, &position, &type}) upload(device, *table);
  const BackendArray id(device, ids), at(device, positions), y(device, kRows * kColumns * 4);
  device.call(device->embed, kNone, id.as<int32_t>(), at.as<int32_t>(), kRows, DndWeight{word.data()},
              position.data(), type.data(), kColumns, y.floats());
  EXPECT_LE(relative_error(y.download(kRows * kColumns), wanted), 1e-6);
}

TEST(BackendOperations, attend_and_pool_ragged_sequences) {
  constexpr int64_t kHeads = 2, kWidth = 16, kAll = 9, kSequences = 2;
  const std::vector<int64_t> offsets = {0, 4, 9};
  const std::vector<int32_t> mask = {1, 1, 1, 0, 1, 0, 1, 1, 1};
  const std::vector<float> qkv = random_values(kAll * 3 * kHeads * kWidth, 1);
  const auto at = [&](int64_t row, int64_t part, int64_t head, int64_t i) -> double {
    return qkv[((row * 3 + part) * kHeads + head) * kWidth + i];
  };
  std::vector<double> attended(kAll * kHeads * kWidth), pooled(kSequences * kHeads * kWidth);
  for (int64_t sequence = 0; sequence < kSequences; ++sequence) {
    const int64_t begin = offsets[sequence], end = offsets[sequence + 1];
    for (int64_t row = begin; row < end; ++row) {
      for (int64_t head = 0; head < kHeads; ++head) {
        double sum = 0;
        double* y = attended.data() + (row * kHeads + head) * kWidth;
        for (int64_t key = begin; key < end; ++key) {
          if (mask[key] == 0) continue;
          double score = 0;
          for (int64_t i = 0; i < kWidth; ++i) score += at(row, 0, head, i) * at(key, 1, head, i) / 4;
          sum += std::exp(score);
          for (int64_t i = 0; i < kWidth; ++i) y[i] += std::exp(score) * at(key, 2, head, i);
        }
        for (int64_t i = 0; i < kWidth; ++i) y[i] /= sum;
      }
    }
    const double real = static_cast<double>(std::count(mask.begin() + begin, mask.begin() + end, 1));
    for (int64_t row = begin; row < end; ++row) {
      for (int64_t i = 0; i < kHeads * kWidth && mask[row] != 0; ++i) {
        pooled[sequence * kHeads * kWidth + i] += attended[row * kHeads * kWidth + i] / real;
      }
    }
  }
  for (DndPrecision precision : {kDndMixed, kDndFloat32}) {
    const BackendDevice device(precision);
    const BackendArray from(device, qkv), masked(device, mask), at_offsets(device, offsets);
    const BackendArray y(device, kAll * kHeads * kWidth * 4), means(device, kSequences * kHeads * kWidth * 4);
    device.call(device->attention, kNone, floats(from), masked.as<int32_t>(), at_offsets.as<int64_t>(), kSequences,
                int64_t{5}, kHeads, kWidth, y.floats());
    device.call(device->mean_pool, kNone, floats(y), masked.as<int32_t>(), at_offsets.as<int64_t>(), kSequences,
                kHeads * kWidth, means.floats());
    EXPECT_LE(relative_error(y.download(kAll * kHeads * kWidth), attended), tolerance_of(precision));
    EXPECT_LE(relative_error(means.download(kSequences * kHeads * kWidth), pooled), tolerance_of(precision));
  }
}

/// One tensor of [2, 5] in tokens of 3, and one of [4, 2], transposed. All margins say mean 0.25, deviation 1/9.
struct SmallAdapter {
  std::vector<DndAdapterTensor> tensors = {{0, 2, 5, 0, 0}, {2, 2, 4, 1, 10}};
  DndAdapterLayout layout{4, 4, 6, 2, 3, 18, tensors.data(), 2};
  std::vector<float> tokens = random_values(2 * 4 * 24, 1);

  SmallAdapter() {
    for (size_t token = 0; token < 8; ++token) {
      for (int64_t row = 0; row < 4; ++row) {
        for (int64_t column = 0; column < 6; ++column) {
          if (row < 2 && column < 4) continue;
          tokens[token * 24 + row * 6 + column] = column % 2 == 0 ? 2.0f : static_cast<float>(1.6 + std::log(0.2));
        }
      }
    }
  }

  std::vector<double> expected() const {
    std::vector<double> adapters(2 * 18);
    for (int64_t task = 0; task < 2; ++task) {
      for (const DndAdapterTensor& tensor : tensors) {
        for (int64_t along = 0; along < tensor.length; ++along) {
          for (int64_t row = 0; row < 2; ++row) {
            const int64_t place = tensor.transposed != 0 ? along * 2 + row : row * tensor.length + along;
            adapters[task * 18 + tensor.offset + place] =
                tokens[(task * 4 + tensor.first_token + along / 3) * 24 + row * 6 + along % 3] / 9.0 + 0.25;
          }
        }
      }
    }
    return adapters;
  }
};

TEST(BackendOperations, restore_adapters_in_and_outside_passes) {
  SmallAdapter adapter;
  const BackendDevice device;
  std::vector<float> before;
  for (const bool in_pass : {false, true, true}) {
    int32_t recorded = 0;
    const DndPass pass = {1, 4096};
    if (in_pass) device.call(device->begin_pass, &pass, &recorded);
    const BackendArray tokens(device, adapter.tokens), y(device, 2 * 18 * 4);
    if (recorded == 0) {
      device.call(device->reconstruct, kNone, floats(tokens), int64_t{2},
                  static_cast<const DndAdapterLayout*>(&adapter.layout), y.floats());
    }
    if (in_pass) device.call(device->end_pass, kNone, int32_t{1});
    const std::vector<float> found = y.download(36);
    if (before.empty()) before = found;
    EXPECT_EQ(found, before);
  }
  const std::vector<double> wanted = adapter.expected();
  EXPECT_LE(relative_error(before, wanted), 1e-6);
  adapter.layout.rank = 0;
  const BackendArray y(device, 2 * 18 * 4);
  EXPECT_EQ(device
                .failure(device->reconstruct, kNone, floats(y), int64_t{1},
                         static_cast<const DndAdapterLayout*>(&adapter.layout), y.floats())
                .status,
            kDndInvalidArgument);
}

}  // namespace
}  // namespace dnd::test
