#include <gtest/gtest.h>

#include <cstring>
#include <ostream>

#include "core/memory.h"
#include "counted_control.h"
#include "cpu/operations.h"
#include "random_values.h"

namespace dnd::cpu {
namespace {

using test::CountedControl;
using test::random_values;
using test::relative_error;

struct Shape {
  DndAxis axis;
  int64_t batch, tokens, height, width, outs;
  int32_t kernel;

  int64_t channels() const { return axis == kDndWidth ? width : axis == kDndHeight ? height : tokens; }
  int64_t inputs() const { return batch * tokens * height * width; }
  int64_t outputs() const { return inputs() / channels() * outs; }
  int64_t weights() const { return outs * channels() * kernel * kernel; }
};

std::ostream& operator<<(std::ostream& out, const Shape& s) {
  return out << "axis " << s.axis << " batch " << s.batch << " tokens " << s.tokens << " height " << s.height
             << " width " << s.width << " outs " << s.outs << " kernel " << s.kernel;
}

/// The definition, in double: picture axes (H, N), (N, W), (H, W) for the width, height and token convolution.
std::vector<double> naive(const Shape& s, const std::vector<float>& x, const std::vector<float>& weight) {
  const int64_t sizes[3] = {s.tokens, s.height, s.width};
  const int channel_axis = s.axis == kDndWidth ? 2 : s.axis == kDndHeight ? 1 : 0;
  const int i_axis = s.axis == kDndWidth ? 1 : s.axis == kDndHeight ? 0 : 1;
  const int j_axis = s.axis == kDndWidth ? 0 : 2;
  std::vector<double> y;
  y.reserve(s.outputs());
  int64_t out_sizes[3] = {sizes[0], sizes[1], sizes[2]};
  out_sizes[channel_axis] = s.outs;
  for (int64_t b = 0; b < s.batch; ++b) {
    int64_t at[3];
    for (at[0] = 0; at[0] < out_sizes[0]; ++at[0]) {
      for (at[1] = 0; at[1] < out_sizes[1]; ++at[1]) {
        for (at[2] = 0; at[2] < out_sizes[2]; ++at[2]) {
          double sum = 0;
          for (int64_t c = 0; c < s.channels(); ++c) {
            for (int64_t i = 0; i < s.kernel; ++i) {
              for (int64_t j = 0; j < s.kernel; ++j) {
                int64_t from[3] = {at[0], at[1], at[2]};
                from[channel_axis] = c;
                from[i_axis] += i - s.kernel / 2;
                from[j_axis] += j - s.kernel / 2;
                if (from[i_axis] < 0 || from[i_axis] >= sizes[i_axis]) continue;
                if (from[j_axis] < 0 || from[j_axis] >= sizes[j_axis]) continue;
                sum += static_cast<double>(
                           weight[((at[channel_axis] * s.channels() + c) * s.kernel + i) * s.kernel + j]) *
                       x[((b * sizes[0] + from[0]) * sizes[1] + from[1]) * sizes[2] + from[2]];
              }
            }
          }
          y.push_back(sum);
        }
      }
    }
  }
  return y;
}

std::vector<float> run(const Shape& s, const std::vector<float>& x, const std::vector<float>& weight, int threads,
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

std::vector<Shape> odd_shapes() {
  std::vector<Shape> shapes;
  for (DndAxis axis : {kDndWidth, kDndHeight, kDndToken}) {
    shapes.insert(shapes.end(), {
                                    {axis, 1, 1, 1, 1, 1, 1},      // nothing but a product
                                    {axis, 1, 1, 1, 1, 1, 11},     // every tap but one is padding
                                    {axis, 2, 3, 2, 5, 4, 9},      // axes shorter than the kernel
                                    {axis, 1, 20, 10, 30, 33, 1},  // no neighbours
                                    {axis, 3, 2, 17, 3, 1, 3},     // one output channel
                                    {axis, 1, 165, 3, 18, 20, 3},  // more than one strip of tokens
                                    {axis, 1, 3, 4, 330, 40, 3},   // and of the width
                                    {axis, 1, 40, 30, 33, 15, 9},  // more than one block of channels
                                });
  }
  std::mt19937 random(11);
  const auto up_to = [&random](uint32_t most) { return static_cast<int64_t>(1 + random() % most); };
  for (int i = 0; i < 60; ++i) {
    shapes.push_back({static_cast<DndAxis>(random() % 3), up_to(3), up_to(24), up_to(14), up_to(24), up_to(40),
                      static_cast<int32_t>(1 + 2 * (random() % 6))});
  }
  return shapes;
}

TEST(Convolution, agrees_with_its_definition_in_double_for_every_axis_and_odd_shape) {
  for (const Shape& shape : odd_shapes()) {
    const std::vector<float> x = random_values(shape.inputs(), 1), weight = random_values(shape.weights(), 2);
    EXPECT_LE(relative_error(run(shape, x, weight, 2), naive(shape, x, weight)), 5e-7) << shape;
  }
}

TEST(Convolution, gives_the_same_bytes_for_any_number_of_threads) {
  for (const Shape& shape : odd_shapes()) {
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
    const Shape three = {axis, 3, 12, 10, 34, 20, 5};
    Shape one = three;
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
  const Shape shape = {kDndToken, 2, 5, 3, 7, 4, 5};
  const std::vector<float> x = random_values(shape.inputs(), 1), weight = random_values(shape.weights(), 2);
  CountedControl counted;
  run(shape, x, weight, 2, &counted.control);
  // Along 3 positions 3 + 3 + 3 taps of 5 are inside, along 7 positions 3 + 4 + 5 + 5 + 5 + 4 + 3.
  EXPECT_EQ(counted.done, 2.0 * 5 * 4 * 9 * 29);
}

TEST(Convolution, stops_at_the_next_tile_when_it_is_cancelled) {
  const Shape shape = {kDndToken, 1, 128, 20, 40, 64, 5};
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
  const auto message_of = [](Shape shape) -> std::string {
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
