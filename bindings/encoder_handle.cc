#include "encoder_handle.h"

#include <algorithm>

#include "device_arguments.h"

namespace dnd::bindings {
namespace {

void read_architecture(const Argument& options, TextEncoderConfig& config) {
  config.head_width = options.field("headWidth").integer(1);
  config.learned_positions = options.field("learnedPositions").boolean();
  config.padding_id = options.field("paddingId").integer(-1);
  config.relative_buckets = options.field("relativeBuckets").integer(0);
  config.relative_max_distance = options.field("relativeMaxDistance").integer(0);
  config.relative_bias_per_layer = options.field("relativeBiasPerLayer").boolean();
  for (const Argument& theta : options.field("rotaryThetas").items()) {
    config.rotary_thetas.push_back(theta.positive_number());
  }
  config.windows = options.field("windows").integers(0);
  config.embedding_norm = options.field("embeddingNorm").boolean();
  config.pre_norm = options.field("preNorm").boolean();
  config.rms_norm = options.field("rmsNorm").boolean();
  config.first_attention_norm = options.field("firstAttentionNorm").boolean();
  config.norm_bias = options.field("normBias").boolean();
  config.attention_bias = options.field("attentionBias").boolean();
  config.feed_forward_bias = options.field("feedForwardBias").boolean();
  config.gated = options.field("gated").boolean();
  config.scaled_attention = options.field("scaledAttention").boolean();
}

TextEncoderConfig read_config(const Argument& options) {
  constexpr Activation kActivations[] = {Activation::kGelu, Activation::kGeluTanh, Activation::kRelu};
  TextEncoderConfig config{};
  config.vocab_size = options.field("vocabSize").integer(1);
  config.hidden_size = options.field("hiddenSize").integer(1);
  config.layers = options.field("layers").integer(1);
  config.heads = options.field("heads").integer(1);
  config.intermediate_size = options.field("intermediateSize").integer(1);
  config.max_positions = options.field("maxPositions").integer(1);
  config.type_vocab_size = options.field("typeVocabSize").integer(0);
  config.layer_norm_eps = float(options.field("layerNormEps").positive_number());
  config.activation = kActivations[options.field("activation").choice({"gelu", "gelu_tanh", "relu"})];
  if (const Argument architecture = options.field("architecture"); !architecture.is_null()) {
    read_architecture(architecture, config);
  }
  return config;
}

EncodeShape read_shape(const Argument& options, const TextEncoderConfig& config) {
  EncodeShape shape{};
  shape.prompts = options.field("prompts").integer(1);
  shape.length = options.field("length").integer(1);
  shape.window = options.field("window").integer(1, std::min(config.max_positions, shape.length));
  if (shape.length % shape.window != 0) {
    options.field("window").refuse("a divisor of the length " + std::to_string(shape.length),
                                   std::to_string(shape.window));
  }
  shape.padding = options.field("padding").choice({"encode", "zero"}) == 0 ? Padding::kEncode : Padding::kZero;
  constexpr Pooling kPoolings[] = {Pooling::kNone, Pooling::kMean, Pooling::kCls};
  shape.pooling = kPoolings[options.field("pooling").choice({"none", "mean", "cls"})];
  return shape;
}

}  // namespace

Napi::Function EncoderHandle::define(Napi::Env env) {
  std::vector<PropertyDescriptor> properties = mappable_properties();
  properties.push_back(InstanceMethod("workspaceBytes", &EncoderHandle::workspace_bytes));
  properties.push_back(InstanceMethod("encode", &EncoderHandle::encode));
  return DefineClass(env, "EncoderHandle", properties);
}

EncoderHandle::EncoderHandle(const Napi::CallbackInfo& info) : MappableHandle(info) {
  guarded(info.Env(), [&] {
    const Argument options(info, 0, "EncoderHandle", "options");
    const TextEncoderConfig config = read_config(options);
    const DeviceChoice device = read_device(options);
    const auto make = [config, device](MappedParameters mapped) {
      return std::make_shared<TextEncoder>(config, device, std::move(mapped));
    };
    take_model(info.Env(), make, device.options.threads);
  });
}

Napi::Value EncoderHandle::workspace_bytes(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const EncodeShape shape = read_shape(Argument(info, 0, "workspaceBytes", "options"), model()->config());
    return Napi::Number::New(info.Env(), double(model()->workspace_bytes(shape)));
  });
}

Napi::Value EncoderHandle::encode(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const EncodeShape shape = read_shape(Argument(info, 2, "encode", "options"), model()->config());
    const Slice ids = Argument(info, 0, "encode", "ids").tensor("int32", {shape.prompts, shape.length});
    const Slice mask = Argument(info, 1, "encode", "mask").tensor("int32", {shape.prompts, shape.length});
    const int64_t positions = shape.pooling == Pooling::kNone ? shape.length : 1;
    const int64_t result_bytes = tensor_bytes({shape.prompts, positions, model()->config().hidden_size});
    const auto* id_values = reinterpret_cast<const int32_t*>(ids.data);
    const auto* mask_values = reinterpret_cast<const int32_t*>(mask.data);
    JobWork work = [model = model(), id_values, mask_values, shape, result_bytes](Job& job) -> JobResult {
      FloatResult states(result_bytes);
      model->encode(id_values, mask_values, shape, states.data(), job);
      return states;
    };
    return submit(std::move(work), Argument(info, 3, "encode", "done"), {ids.buffer, mask.buffer});
  });
}

}  // namespace dnd::bindings
