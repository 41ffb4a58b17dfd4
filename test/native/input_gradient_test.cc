#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "core/memory.h"
#include "counted_control.h"
#include "cpu/convolution/convolution.h"
#include "cpu/layers/layers.h"
#include "naive_gradients.h"
#include "random_values.h"

namespace dnd::cpu {
namespace {

using test::ConvolutionCase;
using test::input_gradient_of;
using test::naive_convolution;
using test::naive_input_gradient;
using test::odd_convolutions;
using test::random_values;
using test::relative_error;

constexpr DndAlgorithm kAlgorithms[] = {kDndDirect, kDndSpectral, kDndAuto};

enum class Addend { kNone, kApart, kResult };

std::vector<float> run(const DndConvolution& c, const std::vector<float>& x, const std::vector<float>& weight,
                       const std::vector<float>& addend, Addend where, int threads) {
  ThreadPool pool(threads);
  ConvolutionChoices choices(threads);
  int64_t sufficient = 0;
  const Memory workspace(convolution_workspace(choices, c, &sufficient));
  std::memset(workspace.data(), 0xff, workspace.bytes());  // all NaN: workspace must not be read before it is written
  std::vector<float> y = addend;
  if (where != Addend::kResult) std::fill(y.begin(), y.end(), 1e30f);
  DndConvolutionOperands operands = {
      .x = x.data(), .weight = weight.data(), .y = y.data(), .workspace = workspace.data()};
  if (where == Addend::kApart) operands.addend = addend.data();
  if (where == Addend::kResult) operands.addend = y.data();
  convolution(pool, Control(), choices, c, operands);
  return y;
}

TEST(InputGradient, is_the_convolution_with_the_transposed_weight_for_every_axis_shape_and_algorithm) {
  for (const ConvolutionCase& shape : odd_convolutions()) {
    const std::vector<float> dy = random_values(shape.outputs(), 1), weight = random_values(shape.weights(), 2);
    const std::vector<double> wanted = naive_input_gradient(shape, dy, weight);
    const std::vector<float> nothing(shape.inputs());
    for (DndAlgorithm algorithm : kAlgorithms) {
      DndConvolution c = input_gradient_of(shape);
      c.algorithm = algorithm;
      EXPECT_LE(relative_error(run(c, dy, weight, nothing, Addend::kNone, 2), wanted), 3e-6)
          << shape << ", algorithm " << algorithm;
    }
  }
}

TEST(InputGradient, is_added_to_another_tensor_or_to_its_output) {
  for (const ConvolutionCase& shape : odd_convolutions()) {
    const std::vector<float> dy = random_values(shape.outputs(), 1), weight = random_values(shape.weights(), 2),
                             addend = random_values(shape.inputs(), 3);
    std::vector<double> wanted = naive_input_gradient(shape, dy, weight);
    for (size_t i = 0; i < wanted.size(); ++i) wanted[i] += addend[i];
    for (DndAlgorithm algorithm : kAlgorithms) {
      DndConvolution c = input_gradient_of(shape);
      c.algorithm = algorithm;
      c.epilogue = kDndAdd;
      const std::vector<float> apart = run(c, dy, weight, addend, Addend::kApart, 2);
      EXPECT_LE(relative_error(apart, wanted), 3e-6) << shape << ", algorithm " << algorithm;
      EXPECT_EQ(run(c, dy, weight, addend, Addend::kResult, 2), apart) << shape << ", algorithm " << algorithm;
      EXPECT_EQ(run(c, dy, weight, addend, Addend::kApart, 1), apart) << shape << ", algorithm " << algorithm;
      EXPECT_EQ(run(c, dy, weight, addend, Addend::kResult, 3), apart) << shape << ", algorithm " << algorithm;
    }
  }
}

TEST(InputGradient, is_the_same_in_pieces_of_a_small_workspace) {
  const ConvolutionCase shape = {kDndHeight, 3, 40, 50, 40, 40, 5};
  const std::vector<float> dy = random_values(shape.outputs(), 1), weight = random_values(shape.weights(), 2),
                           addend = random_values(shape.inputs(), 3);
  std::vector<double> wanted = naive_input_gradient(shape, dy, weight);
  for (size_t i = 0; i < wanted.size(); ++i) wanted[i] += addend[i];
  for (DndAlgorithm algorithm : {kDndDirect, kDndSpectral}) {
    DndConvolution c = input_gradient_of(shape);
    c.algorithm = algorithm;
    c.epilogue = kDndAdd;
    c.workspace_limit = int64_t{2} << 20;
    EXPECT_LE(relative_error(run(c, dy, weight, addend, Addend::kResult, 2), wanted), 3e-6) << algorithm;
  }
}

TEST(Convolution, as_it_is_may_be_added_to_another_tensor_too) {
  for (DndAxis axis : {kDndWidth, kDndHeight, kDndToken}) {
    const ConvolutionCase shape = {axis, 2, 12, 10, 34, 20, 5};
    const std::vector<float> x = random_values(shape.inputs(), 1), weight = random_values(shape.weights(), 2),
                             addend = random_values(shape.outputs(), 3);
    std::vector<double> wanted = naive_convolution(shape, x, weight);
    for (size_t i = 0; i < wanted.size(); ++i) wanted[i] += addend[i];
    for (DndAlgorithm algorithm : kAlgorithms) {
      DndConvolution c = test::convolution_of(shape);
      c.algorithm = algorithm;
      c.epilogue = kDndAdd;
      EXPECT_LE(relative_error(run(c, x, weight, addend, Addend::kResult, 2), wanted), 3e-6) << shape << algorithm;
    }
  }
}

}  // namespace
}  // namespace dnd::cpu
