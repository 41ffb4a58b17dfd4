#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "background_job.h"
#include "decoder_arguments.h"

namespace dnd::bindings {

/// A call of `forward(condition, batch, limitBytes, done)`: its work, and what the work reads.
struct ForwardCall {
  JobWork work;
  Slice condition;
};

/// `model`: a Decoder or Trainer of that configuration.
template <typename Model>
ForwardCall read_forward_call(const Napi::CallbackInfo& info, std::shared_ptr<Model> model,
                              const DecoderConfig& config) {
  const Feature last = config.features.back();
  const int64_t batch = Argument(info, 1, "forward", "batch").integer(1);
  const Slice condition = read_condition(Argument(info, 0, "forward", "condition"), config, batch);
  const int64_t limit = Argument(info, 2, "forward", "limitBytes").integer(0);
  const int64_t result_bytes = tensor_bytes({batch, last.tokens, last.height, last.width});
  const auto* values = reinterpret_cast<const float*>(condition.data);
  JobWork work = [model = std::move(model), values, batch, limit, result_bytes](Job& job) -> JobResult {
    FloatResult tokens(result_bytes);
    model->forward(values, batch, tokens.data(), job, limit);
    return tokens;
  };
  return {std::move(work), condition};
}

}  // namespace dnd::bindings
