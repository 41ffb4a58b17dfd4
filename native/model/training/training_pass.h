#pragma once

#include <cstdint>

#include "model/decoder_pass.h"
#include "model/training/gradients.h"
#include "model/training/trainer.h"
#include "model/training/training_plan.h"

namespace dnd {

/// Forward, loss and backward: the forward pass of decoder_pass.h that saves what the derivatives of its equations need,
/// and those derivatives.
class TrainingPass : private DecoderPass {
 public:
  /// `gradients`: null where memory is only counted. In a block of plan.bytes, where it is not.
  TrainingPass(const DecoderModel& model, const TrainingPlan& plan, const Gradients* gradients,
               const PassContext& context)
      : DecoderPass(model, plan.batch, plan.convolution_limit, Activations::kSaved, context),
        plan_(plan),
        gradients_(gradients) {}

  /// sums [batch], there when the pass has run. Of what is only counted, the batch's arrays are not read, but whether
  /// there is an importance.
  void run(const TrainingBatch& batch, DndTokenSums* sums);

 private:
  void add_noise(const PassArray& x, int64_t elements, const TrainingBatch& batch, double sigma, int64_t substream);
  /// Of every layer's biasN, from the gradient of the weight tokens.
  void token_bias_gradients(const PassArray& dy);
  /// dy → dx, or an empty array where dx is not wanted.
  PassArray backward(const DecoderLayer& layer, PassArray x, LayerActivations saved, PassArray dy, bool wants_dx);
  void project_length_backward(PassArray dy);

  /// From the gradient of a convolution's result: that of its weight, which goes to the gradients, …
  void weight_gradient(const DndConvolution& step, const DndConvolutionOperands& operands, const PassArray& dy,
                       const float* weight);
  /// … and that of its input, in an array of its own. `step`: of input_gradient_convolutions.
  PassArray input_gradient(const DndConvolution& step, const PassArray& dy, const float* weight) {
    return convolve(step, {.x = dy.data()}, weight);
  }

  float* gradient(const float* parameter) const { return gradients_ != nullptr ? gradients_->of(parameter) : nullptr; }
  int32_t accumulate() const { return gradients_ != nullptr && gradients_->accumulated; }
  const DndTrainingOperations& training() const { return *device()->training; }

  const TrainingPlan& plan_;
  const Gradients* const gradients_;
};

}  // namespace dnd
