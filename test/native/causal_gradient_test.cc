#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "causal_models.h"

namespace dnd {
namespace {

using namespace test;

constexpr double kWeight = 0.25;

double loss_of(CausalLanguageModel& model, const OwnedBatch& owned) {
  Job job;
  return -kWeight * sum_of(model.log_likelihoods(owned.batch, owned.labels.data(), job));
}

/// Central difference of the loss along a direction of the values.
template <typename Loss>
double slope(float* values, const std::vector<float>& direction, const Loss& loss) {
  constexpr float kStep = 4e-3f;
  const std::vector<float> before(values, values + direction.size());
  const auto at = [&](float step) {
    for (size_t i = 0; i < direction.size(); ++i) values[i] = before[i] + step * direction[i];
    return loss();
  };
  const double difference = at(kStep) - at(-kStep);
  std::copy(before.begin(), before.end(), values);
  return difference / (2.0 * double(kStep));
}

double product(const float* a, const std::vector<float>& b) {
  double sum = 0;
  for (size_t i = 0; i < b.size(); ++i) sum += double(a[i]) * b[i];
  return sum;
}

double norm(const std::vector<float>& values) { return std::sqrt(product(values.data(), values)); }

/// Along its gradient the loss of a small model has the slope that the gradient says: for every parameter.
TEST(CausalGradient, of_every_parameter_is_the_slope_of_the_loss) {
  for (const CausalConfig& config : {llama_config(), rich_config()}) {
    CausalLanguageModel model(config, naive_device());
    randomise(model);
    const OwnedBatch owned = random_batch(config, {9, 1, 6});
    CausalTrainer trainer(model.model(), {}, naive_device());
    Job job;
    trainer.accumulate(owned.batch, owned.labels.data(), kWeight, job);
    EXPECT_EQ(job.progress(), 1.0);
    for (const ParameterInfo& info : trainer.parameters()) {
      const float* const found = trainer.gradient(info.name);
      const std::vector<float> gradient(found, found + info.elements());
      std::vector<float> direction = random_values(info.elements(), 9);
      const double length = norm(gradient);
      ASSERT_GT(length, 0) << info.name;
      for (size_t i = 0; i < gradient.size(); ++i) direction[i] += float(2 * gradient[i] / length);
      const double size = norm(direction);
      for (float& value : direction) value /= float(size);
      const double found_slope =
          slope(model.parameter(info.name), direction, [&] { return loss_of(model, owned); });
      EXPECT_NEAR(product(gradient.data(), direction), found_slope, 2e-3 * length + 1e-4) << info.name;
    }
  }
}

TEST(CausalGradient, of_each_adapter_is_the_slope_of_the_loss) {
  for (const CausalConfig& config : {llama_config(), rich_config()}) {
    CausalLanguageModel model(config, naive_device());
    randomise(model);
    OwnedBatch owned = random_batch(config, {6, 4, 7, 3});
    add_adapters(owned, config, whole_shape(config), 3, {2, 0, -1, 2});
    const auto gradients = adapter_gradients_of(model, owned);
    for (size_t i = 0; i < gradients.size(); ++i) {
      const double length = norm(gradients[i]);
      if (i == 1) {
        EXPECT_EQ(length, 0);  // no sequence uses it
        continue;
      }
      std::vector<float> direction = gradients[i];
      for (float& value : direction) value /= float(length);
      const double found = slope(owned.adapters[i].data(), direction, [&] { return loss_of(model, owned); });
      EXPECT_NEAR(length, found, 2e-3 * length) << i;
    }
  }
}

/// In the last layer only labelled rows go through what follows attention.
TEST(CausalGradient, of_few_labels_is_the_slope_of_the_loss) {
  for (const CausalConfig& config : {llama_config(), rich_config()}) {
    CausalLanguageModel model(config, naive_device());
    randomise(model);
    OwnedBatch owned = random_batch(config, {6, 4, 7, 3, 5});
    add_adapters(owned, config, whole_shape(config), 3, {2, 0, -1, 1, 2});
    std::fill(owned.labels.begin(), owned.labels.end(), kIgnoredLabel);
    for (const size_t token : {2, 4, 12, 18, 23, 24}) owned.labels[token] = owned.ids[token];
    const auto gradients = adapter_gradients_of(model, owned);
    EXPECT_EQ(norm(gradients[0]), 0);  // its sequence has no label
    for (const size_t i : {1, 2}) {
      const double length = norm(gradients[i]);
      std::vector<float> direction = gradients[i];
      for (float& value : direction) value /= float(length);
      const double found = slope(owned.adapters[i].data(), direction, [&] { return loss_of(model, owned); });
      EXPECT_NEAR(length, found, 2e-3 * length) << i;
    }
  }
}

/// KL(teacher ‖ adapter) of each sequence, summed over the predictions of its labels, from the logits with either.
std::vector<double> divergences(CausalLanguageModel& model, const OwnedBatch& owned) {
  CausalBatch taught = owned.batch;
  taught.lora->adapters = owned.batch.lora->teachers;
  const std::vector<float> own = logits_of(model, owned.batch), theirs = logits_of(model, taught);
  const int64_t vocabulary = model.config().vocab_size;
  std::vector<double> sums;
  int64_t token = 0;
  for (const int64_t length : owned.batch.lengths) {
    sums.push_back(0);
    for (int64_t i = 0; i < length; ++i, ++token) {
      if (i == 0 || owned.labels[size_t(token)] == kIgnoredLabel) continue;
      const auto p = naive::probabilities(theirs.data() + (token - 1) * vocabulary, vocabulary);
      const auto q = naive::probabilities(own.data() + (token - 1) * vocabulary, vocabulary);
      for (size_t c = 0; c < p.size(); ++c) sums.back() += p[c] * std::log(p[c] / q[c]);
    }
  }
  return sums;
}

/// The loss compares with the teacher of each sequence's adapter; a sequence without an adapter has no loss.
TEST(CausalGradient, of_adapters_with_teachers_is_the_slope_of_the_divergence_from_them) {
  for (const CausalConfig& config : {llama_config(), rich_config()}) {
    CausalLanguageModel model(config, naive_device());
    randomise(model);
    OwnedBatch owned = random_batch(config, {6, 4, 7, 3, 5});
    add_adapters(owned, config, whole_shape(config), 3, {2, 0, -1, 1, 2});
    add_teachers(owned);
    for (const size_t token : {1, 4, 12, 18}) owned.labels[token] = kIgnoredLabel;
    std::vector<LikelihoodSum> found;
    const auto gradients = adapter_gradients_of(model, owned, INT64_MAX, &found);
    const std::vector<double> expected = divergences(model, owned);
    for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(-found[i].sum, expected[i], 1e-5 * expected[i]) << i;
    EXPECT_EQ(found[2].sum, 0);
    for (size_t i = 0; i < gradients.size(); ++i) {
      const double length = norm(gradients[i]);
      ASSERT_GT(length, 0.01) << i;
      std::vector<float> direction = gradients[i];
      for (float& value : direction) value /= float(length);
      const double slope_of_loss = slope(owned.adapters[i].data(), direction, [&] {
        const std::vector<double> sums = divergences(model, owned);
        return kWeight * std::accumulate(sums.begin(), sums.end(), 0.0);
      });
      EXPECT_NEAR(length, slope_of_loss, 2e-3 * length) << i;
    }
  }
}

TEST(CausalGradient, of_an_adapter_that_is_its_own_teacher_is_zero) {
  const CausalConfig config = rich_config();
  CausalLanguageModel model(config, 2);
  randomise(model);
  OwnedBatch owned = random_batch(config, {6, 4, 7});
  add_adapters(owned, config, whole_shape(config), 2, {1, 0, 1});
  owned.batch.lora->teachers = owned.batch.lora->adapters;
  std::vector<LikelihoodSum> found;
  for (const std::vector<float>& gradient : adapter_gradients_of(model, owned, INT64_MAX, &found)) {
    EXPECT_LT(norm(gradient), 1e-5);
  }
  for (const LikelihoodSum& sum : found) EXPECT_NEAR(sum.sum, 0, 1e-12);
}

/// The teachers' pass takes memory of its own, which is counted and limited.
TEST(CausalGradient, of_adapters_with_teachers_is_the_same_within_the_least_memory) {
  const CausalConfig config = rich_config();
  CausalLanguageModel model(config, 2), reference(config, naive_device());
  randomise(model);
  randomise(reference);
  OwnedBatch owned = random_batch(config, {9, 4, 7});
  add_adapters(owned, config, whole_shape(config), 2, {1, 0, 1});
  const auto memory = [&](int64_t limit) {
    return adapter_gradient_memory(model.runtime(), owned.batch, owned.labels.data(), limit).activations;
  };
  const int64_t plain = memory(INT64_MAX);
  add_teachers(owned);
  const auto gradients = adapter_gradients_of(model, owned), naive = adapter_gradients_of(reference, owned);
  const int64_t all = memory(INT64_MAX), least = memory(0);
  EXPECT_GE(all, plain);
  EXPECT_LT(least, all);
  EXPECT_EQ(adapter_gradients_of(model, owned, least), gradients);
  EXPECT_THROW(adapter_gradients_of(model, owned, least - 1), Error);
  for (size_t i = 0; i < naive.size(); ++i) {
    std::vector<float> difference = gradients[i];
    for (size_t k = 0; k < difference.size(); ++k) difference[k] -= naive[i][k];
    EXPECT_LT(norm(difference), 2e-5 * norm(naive[i])) << i;
  }
}

TEST(CausalGradient, refuses_teachers_of_some_adapters_only) {
  const CausalConfig config = llama_config();
  CausalLanguageModel model(config, 2);
  randomise(model);
  OwnedBatch owned = random_batch(config, {6, 4});
  add_adapters(owned, config, whole_shape(config), 2, {1, 0});
  add_teachers(owned);
  owned.batch.lora->teachers.pop_back();
  try {
    adapter_gradients_of(model, owned);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("there are 1 teachers; expected one for each of 2 adapters"),
              std::string::npos);
  }
}

TEST(CausalGradient, with_the_kernels_of_the_cpu_agrees_with_the_naive_operations) {
  for (const CausalConfig& config : {llama_config(), rich_config()}) {
    CausalLanguageModel naive(config, naive_device()), model(config, 2);
    randomise(naive);
    randomise(model);
    const OwnedBatch owned = random_batch(config, {9, 2, 6});
    CausalTrainer reference(naive.model(), {}, naive_device()), trainer(model.model(), {}, 2);
    for (const bool again : {false, true}) {  // the second time gradients are added
      for (CausalTrainer* each : {&reference, &trainer}) {
        Job job;
        each->accumulate(owned.batch, owned.labels.data(), kWeight, job);
      }
      for (const ParameterInfo& info : trainer.parameters()) {
        const float *ours = trainer.gradient(info.name), *theirs = reference.gradient(info.name);
        const std::vector<float> wanted(theirs, theirs + info.elements());
        std::vector<float> difference(ours, ours + info.elements());
        for (size_t i = 0; i < wanted.size(); ++i) difference[i] -= wanted[i];
        EXPECT_LT(norm(difference), 2e-5 * norm(wanted)) << info.name << (again ? " added" : "");
      }
    }
  }
}

/// Adapters of the same function: the small one, and a whole one whose other matrices B are zero.
TEST(CausalGradient, of_few_modules_is_a_part_of_that_of_all) {
  const CausalConfig config = rich_config();
  const std::vector<LoraShape> shapes = {
      {.rank = 2, .modules = {Module::kDown}, .layers = {1, 2}},
      {.rank = 2, .modules = {Module::kUp}, .layers = {1}},
      {.rank = 2, .modules = {Module::kGate, Module::kDown}, .layers = {0, 2}},
      {.rank = 2, .modules = {Module::kOutput}, .layers = {0}},
      {.rank = 2, .modules = {Module::kValue}, .layers = {2}},
      {.rank = 2, .modules = {Module::kQuery, Module::kKey}, .layers = {1, 2}},
  };
  for (const LoraShape& shape : shapes) {
    CausalLanguageModel model(config, 2);
    randomise(model);
    OwnedBatch few = random_batch(config, {6, 5}), all = random_batch(config, {6, 5});
    add_adapters(few, config, shape, 1, {0, 0});
    add_adapters(all, config, whole_shape(config), 1, {0, 0});
    const LoraLayout &small = *few.batch.lora->layout, &whole = *all.batch.lora->layout;
    std::fill(all.adapters[0].begin(), all.adapters[0].end(), 0.0f);
    const auto each = [&](const auto& visit) {
      for (const int64_t layer : shape.layers) {
        for (const Module module : shape.modules) {
          const auto [out, in] = size_of(config, module);
          visit(small.place(layer, module).a, whole.place(layer, module).a, 2 * (in + out));
        }
      }
    };
    each([&](int64_t from, int64_t to, int64_t count) {
      std::copy_n(few.adapters[0].begin() + from, count, all.adapters[0].begin() + to);
    });
    const auto ours = adapter_gradients_of(model, few)[0], wanted = adapter_gradients_of(model, all)[0];
    each([&](int64_t place, int64_t in_whole, int64_t count) {
      for (int64_t i = 0; i < count; ++i) {
        ASSERT_NEAR(ours[size_t(place + i)], wanted[size_t(in_whole + i)], 1e-5) << i;
      }
    });
  }
}

/// The losses of all labels are those of some and those of the others.
TEST(CausalGradient, of_labels_together_is_the_sum_of_that_of_each) {
  const CausalConfig config = rich_config();
  CausalLanguageModel model(config, 2);
  randomise(model);
  OwnedBatch owned = random_batch(config, {6, 4, 7});
  add_adapters(owned, config, whole_shape(config), 2, {1, -1, 0});
  const std::vector<int32_t> labels = owned.labels;
  const auto together = adapter_gradients_of(model, owned);
  std::vector<std::vector<float>> sum(2, std::vector<float>(together[0].size()));
  for (size_t token = 0; token < labels.size(); ++token) {
    if (labels[token] == kIgnoredLabel) continue;
    std::fill(owned.labels.begin(), owned.labels.end(), kIgnoredLabel);
    owned.labels[token] = labels[token];
    const auto alone = adapter_gradients_of(model, owned);
    for (size_t i = 0; i < 2; ++i) {
      for (size_t k = 0; k < sum[i].size(); ++k) sum[i][k] += alone[i][k];
    }
  }
  for (size_t i = 0; i < 2; ++i) {
    std::vector<float> difference = together[i];
    for (size_t k = 0; k < difference.size(); ++k) difference[k] -= sum[i][k];
    EXPECT_LT(norm(difference), 1e-5 * norm(together[i])) << i;
  }
}

TEST(CausalGradient, of_adapters_together_is_that_of_each_alone) {
  const CausalConfig config = llama_config();
  CausalLanguageModel model(config, 2);
  randomise(model);
  OwnedBatch together = random_batch(config, {6, 4, 7});
  add_adapters(together, config, whole_shape(config), 2, {1, 0, 1});
  const auto gradients = adapter_gradients_of(model, together);
  OwnedBatch alone = random_batch(config, {6, 4, 7});
  add_adapters(alone, config, whole_shape(config), 2, {-1, 0, -1});
  EXPECT_EQ(adapter_gradients_of(model, alone)[0], gradients[0]);
  alone.batch.lora->adapter_of = {1, -1, 1};
  EXPECT_EQ(adapter_gradients_of(model, alone)[1], gradients[1]);
}

}  // namespace
}  // namespace dnd
