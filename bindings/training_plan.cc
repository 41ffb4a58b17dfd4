#include <cstdint>
#include <vector>

#include "arguments.h"
#include "decoder_arguments.h"
#include "failure.h"
#include "plan.h"
#include "plan/gradient_plan.h"
#include "plan/projection_work.h"
#include "plan_fields.h"

namespace dnd::bindings {
namespace {

const char* name_of_pass(TrainingPassKind pass) {
  switch (pass) {
    case TrainingPassKind::kForward: return "forward";
    case TrainingPassKind::kInputGradient: return "input gradient";
    case TrainingPassKind::kWeightGradient: break;
  }
  return "weight gradient";
}

Napi::Object object_of(Napi::Env env, const PlannedTrainingConvolution& planned) {
  return Fields(env)
      .set("layer", planned.layer)
      .set("name", weight_of(planned.convolution))
      .set("pass", name_of_pass(planned.pass))
      .set("algorithm", planned.algorithm == Algorithm::kDirect ? "direct" : "spectral")
      .set("seconds", planned.seconds)
      .set("directMultiplyAdds", planned.direct_multiply_adds)
      .object();
}

}  // namespace

Napi::Value plan_training(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Napi::Env env = info.Env();
    const Argument argument(info, 0, "planTraining", "options");
    const std::vector<Feature> features = read_planned_features(argument);
    const int64_t kernel = argument.field("kernelSize").integer(1, kLargestSize);
    const int64_t projected_from = argument.field("projectedFrom").integer(0, kLargestSize);
    const int64_t batch = argument.field("batch").integer(1, kLargestSize);
    const PlanOptions options = {argument.field("instructionSet").text(), read_algorithm(argument)};
    const std::vector<PlannedTrainingConvolution> planned = dnd::plan_training(features, kernel, batch, options);
    const ProjectionWork projection = plan_projection(features.front(), projected_from, batch, options.instruction_set);

    double seconds = projection.seconds, direct = projection.multiply_adds, executed = projection.multiply_adds;
    const Napi::Array convolutions = Napi::Array::New(env, planned.size());
    for (uint32_t i = 0; i < planned.size(); ++i) {
      seconds += planned[i].seconds;
      direct += planned[i].direct_multiply_adds;
      executed += planned[i].executed_multiply_adds;
      convolutions.Set(i, object_of(env, planned[i]));
    }
    return Fields(env)
        .set("seconds", seconds)
        .set("directMultiplyAdds", direct)
        .set("executedMultiplyAdds", executed)
        .set("convolutions", convolutions)
        .object();
  });
}

}  // namespace dnd::bindings
