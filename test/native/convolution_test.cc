#include <gtest/gtest.h>

#include <cstring>

#include "core/memory.h"
#include "counted_control.h"
#include "cpu/operations.h"
#include "naive_convolution.h"
#include "random_values.h"

namespace dnd::cpu {
namespace {

using test::ConvolutionCase;
using test::CountedControl;
using test::naive_convolution;
using test::odd_convolutions;
using test::random_values;
using test::relative_error;

std::vector<float> run(const ConvolutionCase& s, const std::vector<float>& x, const std::vector<float>& weight, int threads,
                       const DndControl* control = nullptr) {
  ThreadPool pool(threads);
  const Memory workspace(
      convolution_workspace(threads, s.axis, s.batch, s.tokens, s.height, s.width, s.outs, s.kernel));
  std::memset(workspace.data(), 0xff, workspace.bytes());  // NaN everywhere: nothing may be taken as given
  std::vector<float> y(s.outputs(), 1e30f);
  convolution(pool, Control(control), s.axis, x.data(), s.batch, s.tokens, s.height, s.width, weight.data(), s.outs,
              s.kernel, y.data(), workspace.data());
  return y;
}

TEST(Convolution, agrees_with_its_definition_in_double_for_every_axis_and_odd_shape) {
  for (const ConvolutionCase& shape : odd_convolutions()) {
    const std::vector<float> x = random_values(shape.inputs(), 1), weight = random_values(shape.weights(), 2);
    EXPECT_LE(relative_error(run(shape, x, weight, 2), naive_convolution(shape, x, weight)), 5e-7) << shape;
  }
}

TEST(Convolution, gives_the_same_bytes_for_any_number_of_threads) {
  for (const ConvolutionCase& shape : odd_convolutions()) {
    const std::vector<float> x = random_values(shape.inputs(), 1), weight = random_values(shape.weights(), 2);
    const std::vector<float> alone = run(shape, x, weight, 1);
    for (int threads : {2, 3}) {
      const std::vector<float> shared = run(shape, x, weight, threads);
      EXPECT_EQ(std::memcmp(alone.data(), shared.data(), alone.size() * sizeof(float)), 0)
          << shape << ", " << threads << " threads";
    }
  }
}

TEST(Convolution, of_a_batch_is_that_of_each_task_alone_byte_by_byte) {
  for (DndAxis axis : {kDndWidth, kDndHeight, kDndToken}) {
    const ConvolutionCase three = {axis, 3, 12, 10, 34, 20, 5};
    ConvolutionCase one = three;
    one.batch = 1;
    const std::vector<float> x = random_values(three.inputs(), 1), weight = random_values(three.weights(), 2);
    const std::vector<float> together = run(three, x, weight, 2);
    for (int64_t task = 0; task < 3; ++task) {
      const std::vector<float> own(x.begin() + task * one.inputs(), x.begin() + (task + 1) * one.inputs());
      const std::vector<float> alone = run(one, own, weight, 2);
      EXPECT_EQ(std::memcmp(alone.data(), together.data() + task * one.outputs(), alone.size() * sizeof(float)), 0);
    }
  }
}

TEST(Convolution, reports_its_multiply_adds_without_padding_taps) {
  const ConvolutionCase shape = {kDndToken, 2, 5, 3, 7, 4, 5};
  const std::vector<float> x = random_values(shape.inputs(), 1), weight = random_values(shape.weights(), 2);
  CountedControl counted;
  run(shape, x, weight, 2, &counted.control);
  // Along 3 positions 3 + 3 + 3 taps of 5 are inside, along 7 positions 3 + 4 + 5 + 5 + 5 + 4 + 3.
  EXPECT_EQ(counted.done, 2.0 * 5 * 4 * 9 * 29);
}

TEST(Convolution, stops_at_the_next_tile_when_it_is_cancelled) {
  const ConvolutionCase shape = {kDndToken, 1, 128, 20, 40, 64, 5};
  const std::vector<float> x = random_values(shape.inputs(), 1), weight = random_values(shape.weights(), 2);
  CountedControl counted;
  run(shape, x, weight, 1, &counted.control);
  const int64_t asked = counted.asked;
  for (int64_t after : {int64_t{0}, asked / 3, asked - 1}) {
    counted.asked = 0;
    counted.cancel_after = after;
    try {
      run(shape, x, weight, 1, &counted.control);
      ADD_FAILURE() << "went on after being cancelled";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kAborted);
    }
    EXPECT_EQ(counted.asked, after + 1);
  }
}

TEST(Convolution, refuses_an_even_kernel_and_an_empty_axis_by_name) {
  const auto message_of = [](ConvolutionCase shape) -> std::string {
    try {
      convolution_workspace(1, shape.axis, shape.batch, shape.tokens, shape.height, shape.width, shape.outs,
                            shape.kernel);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_NE(message_of({kDndWidth, 1, 2, 2, 2, 2, 4}).find("kernel size is 4"), std::string::npos);
  EXPECT_NE(message_of({kDndWidth, 1, 2, 0, 2, 2, 3}).find("height is 0"), std::string::npos);
}

}  // namespace
}  // namespace dnd::cpu
