#include "model/text_encoder.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <limits>
#include <map>
#include <random>
#include <thread>

#include "random_values.h"

namespace dnd {
namespace {

using test::random_values;
using test::relative_error;

TextEncoderConfig small_config() {
  return {.vocab_size = 50,
          .hidden_size = 18,
          .layers = 2,
          .heads = 3,
          .intermediate_size = 40,
          .max_positions = 40,
          .type_vocab_size = 2,
          .layer_norm_eps = 1e-12f,
          .activation = Activation::kGelu};
}

void fill(TextEncoder& encoder, uint32_t seed = 1) {
  for (const ParameterInfo& parameter : encoder.parameters()) {
    const std::vector<float> values = random_values(parameter.elements(), seed++);
    float* target = encoder.parameter(parameter.name);
    const bool scale_of_norm = parameter.name.ends_with("LayerNorm.weight");
    for (size_t i = 0; i < values.size(); ++i) target[i] = scale_of_norm ? 1.0f + 0.3f * values[i] : 0.5f * values[i];
  }
}

struct Batch {
  std::vector<int32_t> ids, mask;
  EncodeShape shape;

  /// Random ids; prompt p has real[p] real tokens, then padding with id 0.
  Batch(std::vector<int64_t> real, int64_t length, int64_t window, uint32_t seed, Padding padding = Padding::kEncode,
        Pooling pooling = Pooling::kNone)
      : shape{static_cast<int64_t>(real.size()), length, window, padding, pooling} {
    std::mt19937 random(seed);
    for (const int64_t count : real) {
      for (int64_t i = 0; i < length; ++i) {
        ids.push_back(i < count ? static_cast<int32_t>(random() % 50) : 0);
        mask.push_back(i < count);
      }
    }
  }
  Batch with(Padding padding, Pooling pooling) const {
    Batch other = *this;
    other.shape.padding = padding;
    other.shape.pooling = pooling;
    return other;
  }
  Batch prompts(int64_t begin, int64_t end) const {
    Batch other = *this;
    other.shape.prompts = end - begin;
    other.ids.assign(ids.begin() + begin * shape.length, ids.begin() + end * shape.length);
    other.mask.assign(mask.begin() + begin * shape.length, mask.begin() + end * shape.length);
    return other;
  }
};

std::vector<float> encoded(TextEncoder& encoder, const Batch& batch) {
  const int64_t rows =
      batch.shape.pooling == Pooling::kNone ? batch.shape.prompts * batch.shape.length : batch.shape.prompts;
  std::vector<float> states(rows * encoder.config().hidden_size, NAN);
  Job job;
  encoder.encode(batch.ids.data(), batch.mask.data(), batch.shape, states.data(), job);
  EXPECT_EQ(job.progress(), 1.0);
  return states;
}

/// BERT in double, one window at a time, padding included, written from the paper and Hugging Face's modelling code.
class NaiveBert {
 public:
  NaiveBert(TextEncoder& encoder) : config_(encoder.config()) {
    for (const ParameterInfo& parameter : encoder.parameters()) {
      const float* values = encoder.parameter(parameter.name);
      parameters_[parameter.name].assign(values, values + parameter.elements());
    }
  }

  /// [prompts, length, hidden]
  std::vector<double> encode(const Batch& batch) const {
    std::vector<double> states;
    for (int64_t begin = 0; begin < batch.shape.prompts * batch.shape.length; begin += batch.shape.window) {
      const std::vector<double> window =
          encode_window(batch.ids.data() + begin, batch.mask.data() + begin, batch.shape.window);
      states.insert(states.end(), window.begin(), window.end());
    }
    return states;
  }

 private:
  using Matrix = std::vector<double>;

  Matrix encode_window(const int32_t* ids, const int32_t* mask, int64_t length) const {
    const int64_t hidden = config_.hidden_size;
    Matrix x(length * hidden);
    for (int64_t position = 0; position < length; ++position) {
      for (int64_t i = 0; i < hidden; ++i) {
        x[position * hidden + i] = at("embeddings.word_embeddings.weight")[ids[position] * hidden + i] +
                                   at("embeddings.position_embeddings.weight")[position * hidden + i] +
                                   at("embeddings.token_type_embeddings.weight")[i];
      }
    }
    x = layer_norm(x, "embeddings.LayerNorm");
    for (int64_t layer = 0; layer < config_.layers; ++layer) {
      const std::string name = "encoder.layer." + std::to_string(layer) + ".";
      const Matrix context = attend(linear(x, name + "attention.self.query"), linear(x, name + "attention.self.key"),
                                    linear(x, name + "attention.self.value"), mask, length);
      x = layer_norm(sum(x, linear(context, name + "attention.output.dense")), name + "attention.output.LayerNorm");
      Matrix wide = linear(x, name + "intermediate.dense");
      for (double& value : wide) value = activation(value);
      x = layer_norm(sum(x, linear(wide, name + "output.dense")), name + "output.LayerNorm");
    }
    return x;
  }

  Matrix attend(const Matrix& query, const Matrix& key, const Matrix& value, const int32_t* mask,
                int64_t length) const {
    const int64_t hidden = config_.hidden_size, width = hidden / config_.heads;
    Matrix context(length * hidden);
    for (int64_t head = 0; head < config_.heads; ++head) {
      for (int64_t row = 0; row < length; ++row) {
        Matrix weights(length);
        for (int64_t other = 0; other < length; ++other) {
          for (int64_t i = head * width; i < (head + 1) * width; ++i) {
            weights[other] += query[row * hidden + i] * key[other * hidden + i] / std::sqrt(static_cast<double>(width));
          }
          if (mask[other] == 0) weights[other] = std::numeric_limits<float>::lowest();
        }
        const double largest = *std::max_element(weights.begin(), weights.end());
        double total = 0;
        for (double& weight : weights) total += weight = std::exp(weight - largest);
        for (int64_t other = 0; other < length; ++other) {
          for (int64_t i = head * width; i < (head + 1) * width; ++i) {
            context[row * hidden + i] += weights[other] / total * value[other * hidden + i];
          }
        }
      }
    }
    return context;
  }

  Matrix linear(const Matrix& x, const std::string& name) const {
    const Matrix &weight = at(name + ".weight"), &bias = at(name + ".bias");
    const int64_t out = static_cast<int64_t>(bias.size()), in = static_cast<int64_t>(weight.size()) / out;
    Matrix y;
    for (size_t row = 0; row * in < x.size(); ++row) {
      for (int64_t o = 0; o < out; ++o) {
        double value = bias[o];
        for (int64_t i = 0; i < in; ++i) value += x[row * in + i] * weight[o * in + i];
        y.push_back(value);
      }
    }
    return y;
  }

  Matrix layer_norm(const Matrix& x, const std::string& name) const {
    const double columns = static_cast<double>(config_.hidden_size);
    Matrix y;
    for (size_t row = 0; row < x.size(); row += config_.hidden_size) {
      double mean = 0, variance = 0;
      for (int64_t i = 0; i < config_.hidden_size; ++i) mean += x[row + i] / columns;
      for (int64_t i = 0; i < config_.hidden_size; ++i) variance += (x[row + i] - mean) * (x[row + i] - mean) / columns;
      for (int64_t i = 0; i < config_.hidden_size; ++i) {
        y.push_back((x[row + i] - mean) / std::sqrt(variance + config_.layer_norm_eps) * at(name + ".weight")[i] +
                    at(name + ".bias")[i]);
      }
    }
    return y;
  }

  static Matrix sum(Matrix a, const Matrix& b) {
    for (size_t i = 0; i < a.size(); ++i) a[i] += b[i];
    return a;
  }

  double activation(double x) const {
    switch (config_.activation) {
      case Activation::kNone: return x;
      case Activation::kGelu: return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
      case Activation::kGeluTanh:
        return 0.5 * x * (1 + std::tanh(std::sqrt(2 / std::acos(-1.0)) * (x + 0.044715 * x * x * x)));
      case Activation::kRelu: return std::max(x, 0.0);
    }
    return NAN;
  }

  const Matrix& at(const std::string& name) const { return parameters_.at(name); }

  TextEncoderConfig config_;
  std::map<std::string, Matrix> parameters_;
};

std::string failure_of(const std::function<void()>& work, ErrorCode code = ErrorCode::kInvalidArgument) {
  try {
    work();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

TEST(TextEncoder, agrees_with_bert_in_double_whatever_the_activation_and_the_padding) {
  for (const Activation activation : {Activation::kGelu, Activation::kGeluTanh, Activation::kRelu}) {
    TextEncoderConfig config = small_config();
    config.activation = activation;
    TextEncoder encoder(config, 2);
    fill(encoder);
    const Batch batch({17, 1, 5, 0}, 17, 17, 2);
    EXPECT_LE(relative_error(encoded(encoder, batch), NaiveBert(encoder).encode(batch)), 2e-6);
  }
}

TEST(TextEncoder, agrees_with_bert_in_double_for_other_sizes_and_masks_with_holes) {
  TextEncoderConfig config = small_config();
  config.hidden_size = 64;
  config.heads = 2;
  config.intermediate_size = 33;
  config.layers = 1;
  TextEncoder encoder(config, 3);
  fill(encoder, 7);
  Batch batch({40, 40, 1}, 40, 40, 3);
  for (int64_t i = 0; i < 40; i += 3) batch.mask[i] = 0;
  EXPECT_LE(relative_error(encoded(encoder, batch), NaiveBert(encoder).encode(batch)), 2e-6);
}

/// Keys and values of padding are left out, unless a window has nothing else.
TEST(TextEncoder, gives_the_same_bytes_whether_padding_has_keys_or_not) {
  TextEncoderConfig config = small_config();
  config.intermediate_size = 5 * config.hidden_size;
  TextEncoder encoder(config, 2);
  fill(encoder);
  Batch without({17, 1, 5}, 30, 30, 2), with({17, 1, 5, 0}, 30, 30, 2);
  for (Batch* batch : {&without, &with}) batch->mask[3] = 0;
  const std::vector<float> gathered = encoded(encoder, without), all = encoded(encoder, with);
  EXPECT_LE(relative_error(gathered, NaiveBert(encoder).encode(without)), 2e-6);
  EXPECT_EQ(gathered, std::vector<float>(all.begin(), all.begin() + static_cast<int64_t>(gathered.size())));
}

TEST(TextEncoder, encodes_windows_separately_including_empty_ones) {
  TextEncoder encoder(small_config(), 2);
  fill(encoder);
  const Batch batch({48, 20, 0}, 48, 16, 4);
  EXPECT_LE(relative_error(encoded(encoder, batch), NaiveBert(encoder).encode(batch)), 2e-6);
}

TEST(TextEncoder, zero_padding_does_not_change_real_tokens_and_zeros_the_rest) {
  TextEncoder encoder(small_config(), 2);
  fill(encoder);
  Batch batch({48, 20, 1, 0}, 48, 16, 5);
  for (const int64_t hole : {0, 5, 6, 7, 12}) batch.mask[hole] = 0;
  const std::vector<float> all = encoded(encoder, batch);
  const std::vector<float> real = encoded(encoder, batch.with(Padding::kZero, Pooling::kNone));
  for (size_t i = 0; i < all.size(); ++i) {
    if (batch.mask[i / 18] == 0) {
      ASSERT_EQ(real[i], 0.0f) << i;
    } else {
      ASSERT_NEAR(real[i], all[i], 1e-6) << i;
    }
  }
}

TEST(TextEncoder, pools_the_real_tokens_of_a_whole_prompt) {
  TextEncoder encoder(small_config(), 2);
  fill(encoder);
  const Batch batch({48, 20, 1, 0, 20}, 48, 16, 6);
  const std::vector<double> states = NaiveBert(encoder).encode(batch);
  std::vector<double> means(5 * 18);
  for (int64_t row = 0; row < 5 * 48; ++row) {
    const int64_t prompt = row / 48,
                  real = std::count(batch.mask.begin() + prompt * 48, batch.mask.begin() + (prompt + 1) * 48, 1);
    for (int64_t i = 0; batch.mask[row] != 0 && i < 18; ++i)
      means[prompt * 18 + i] += states[row * 18 + i] / static_cast<double>(real);
  }
  for (const Padding padding : {Padding::kEncode, Padding::kZero}) {
    const std::vector<float> pooled = encoded(encoder, batch.with(padding, Pooling::kMean));
    EXPECT_LE(relative_error(pooled, means), 2e-6);
    EXPECT_EQ(std::vector<float>(pooled.begin() + 3 * 18, pooled.begin() + 4 * 18), std::vector<float>(18, 0.0f));
  }
}

TEST(TextEncoder, pools_by_the_hidden_state_of_the_first_position) {
  TextEncoder encoder(small_config(), 2);
  fill(encoder);
  Batch batch({48, 20, 0, 7}, 48, 16, 8);
  batch.mask[3 * 48] = 0;  // real tokens after a padding one
  for (const Padding padding : {Padding::kEncode, Padding::kZero}) {
    const std::vector<float> all = encoded(encoder, batch.with(padding, Pooling::kNone));
    const std::vector<float> pooled = encoded(encoder, batch.with(padding, Pooling::kCls));
    for (int64_t prompt = 0; prompt < 4; ++prompt) {
      for (int64_t i = 0; i < 18; ++i) ASSERT_NEAR(pooled[prompt * 18 + i], all[prompt * 48 * 18 + i], 1e-6) << prompt;
    }
  }
}

TEST(TextEncoder, hidden_states_of_a_prompt_do_not_depend_on_the_rest_of_the_batch) {
  TextEncoder encoder(small_config(), 2);
  fill(encoder);
  const Batch batch({33, 1, 40, 17, 0, 8, 40}, 40, 40, 9);
  for (const Padding padding : {Padding::kEncode, Padding::kZero}) {
    for (const Pooling pooling : {Pooling::kNone, Pooling::kMean, Pooling::kCls}) {
      const Batch asked = batch.with(padding, pooling);
      const std::vector<float> all = encoded(encoder, asked);
      const int64_t floats = pooling == Pooling::kNone ? 40 * 18 : 18;
      for (int64_t begin = 0; begin < 7; ++begin) {
        for (const int64_t count : {1, 2}) {
          const int64_t end = std::min<int64_t>(7, begin + count);
          ASSERT_EQ(encoded(encoder, asked.prompts(begin, end)),
                    std::vector<float>(all.begin() + begin * floats, all.begin() + end * floats));
        }
      }
    }
  }
}

TEST(TextEncoder, gives_the_same_bytes_for_any_number_of_threads) {
  const Batch batch({33, 1, 40, 17, 0}, 40, 40, 10);
  std::vector<float> expected;
  for (const int threads : {1, 2, 3, 16}) {
    TextEncoder encoder(small_config(), threads);
    fill(encoder);
    const std::vector<float> states = encoded(encoder, batch);
    if (expected.empty()) expected = states;
    EXPECT_EQ(states, expected) << threads;
  }
}

TEST(TextEncoder, encodes_batches_larger_than_its_workspace) {
  TextEncoderConfig config = small_config();
  config.intermediate_size = 20'000;  // few rows fill the workspace
  config.layers = 1;
  TextEncoder encoder(config, 2);
  fill(encoder);
  const Batch batch(std::vector<int64_t>(150, 40), 40, 40, 11);
  ASSERT_LT(encoder.workspace_bytes(batch.shape), 150 * 40 * 20'000 * 4);
  const std::vector<float> all = encoded(encoder, batch);
  const std::vector<float> last = encoded(encoder, batch.prompts(149, 150));
  EXPECT_EQ(std::vector<float>(all.end() - 40 * 18, all.end()), last);
  const std::vector<float> means = encoded(encoder, batch.with(Padding::kEncode, Pooling::kMean));
  EXPECT_EQ(std::vector<float>(means.end() - 18, means.end()),
            encoded(encoder, batch.prompts(149, 150).with(Padding::kEncode, Pooling::kMean)));
}

TEST(TextEncoder, encodes_equal_windows_once) {
  const Batch batch({5, 5, 0, 0}, 48, 16, 12);
  EXPECT_EQ(WindowBatch(batch.ids.data(), batch.mask.data(), batch.shape).windows().size(), 3u);
  Batch same = batch;
  std::copy_n(same.ids.begin(), 48, same.ids.begin() + 48);
  EXPECT_EQ(WindowBatch(same.ids.data(), same.mask.data(), same.shape).windows().size(), 2u);
  same.mask[48 + 4] = 0;  // the same ids, but not all of them real
  EXPECT_EQ(WindowBatch(same.ids.data(), same.mask.data(), same.shape).windows().size(), 3u);
  same.mask[48 + 4] = 1;
  const EncodeShape zero = same.with(Padding::kZero, Pooling::kNone).shape;
  const WindowBatch packed(same.ids.data(), same.mask.data(), zero);
  ASSERT_EQ(packed.windows().size(), 1u);
  EXPECT_EQ(packed.windows()[0].rows, 5);
  EXPECT_EQ(packed.windows()[0].places, (std::vector<int64_t>{0, 3}));
}

TEST(TextEncoder, stops_at_the_next_tile_when_cancelled) {
  TextEncoderConfig config = small_config();
  config.intermediate_size = 4000;
  config.layers = 2000;  // many seconds of work
  TextEncoder encoder(config, 2);
  const Batch batch(std::vector<int64_t>(64, 40), 40, 40, 13);
  std::vector<float> states(64 * 40 * 18);
  Job job;
  std::thread canceller([&job] {
    while (job.progress() == 0) std::this_thread::yield();
    job.cancel();
  });
  failure_of([&] { encoder.encode(batch.ids.data(), batch.mask.data(), batch.shape, states.data(), job); },
             ErrorCode::kAborted);
  canceller.join();
  EXPECT_GT(job.progress(), 0.0);
  EXPECT_LT(job.progress(), 0.5);
}

TEST(TextEncoder, rejects_invalid_inputs_by_name) {
  TextEncoder encoder(small_config(), 1);
  fill(encoder);
  Batch batch({17, 17}, 17, 17, 14);
  batch.ids[17 + 3] = 50;
  EXPECT_NE(failure_of([&] { encoded(encoder, batch); }).find("id 50 of prompt 1 at position 3"), std::string::npos);
  batch.ids[17 + 3] = -1;
  EXPECT_NE(failure_of([&] { encoded(encoder, batch); }).find("id -1 of prompt 1 at position 3"), std::string::npos);
  EXPECT_NE(failure_of([&] {
              encoded(encoder, Batch({5}, 20, 16, 15));
            }).find("length of 20 is not a multiple of the window 16"),
            std::string::npos);
  EXPECT_NE(failure_of([&] { encoded(encoder, Batch({5}, 48, 48, 16)); }).find("window of 48 tokens is longer"),
            std::string::npos);
  EXPECT_NE(failure_of([&] { encoder.parameter("pooler.dense.weight"); }).find("'pooler.dense.weight'"),
            std::string::npos);
}

TEST(TextEncoder, rejects_invalid_configurations) {
  TextEncoderConfig config = small_config();
  config.heads = 4;
  EXPECT_NE(failure_of([&] { TextEncoder(config, 1); }).find("hidden size 18 is not a multiple of its 4 heads"),
            std::string::npos);
  config = small_config();
  config.layers = 0;
  EXPECT_NE(failure_of([&] { TextEncoder(config, 1); }).find("number of layers is 0"), std::string::npos);
  config = small_config();
  config.vocab_size = int64_t{1} << 40;
  EXPECT_NE(failure_of([&] { TextEncoder(config, 1); }).find("vocab_size"), std::string::npos);
}

TEST(TextEncoder, names_its_parameters_as_hugging_face_does) {
  TextEncoder encoder(small_config(), 1);
  std::map<std::string, std::vector<int64_t>> shapes;
  int64_t elements = 0;
  for (const ParameterInfo& parameter : encoder.parameters()) {
    shapes[parameter.name] = parameter.shape;
    elements += parameter.elements();
  }
  EXPECT_EQ(shapes.size(), 5u + 2 * 16);
  EXPECT_EQ(elements * 4, encoder.parameter_bytes());
  EXPECT_EQ(shapes["embeddings.word_embeddings.weight"], (std::vector<int64_t>{50, 18}));
  EXPECT_EQ(shapes["encoder.layer.1.attention.self.key.bias"], (std::vector<int64_t>{18}));
  EXPECT_EQ(shapes["encoder.layer.0.intermediate.dense.weight"], (std::vector<int64_t>{40, 18}));
  EXPECT_EQ(shapes["encoder.layer.1.output.LayerNorm.bias"], (std::vector<int64_t>{18}));
}

}  // namespace
}  // namespace dnd
