#include "cpu/convolution/geometry.h"

#include <string>
#include <utility>

#include "core/convolution_work.h"
#include "core/status.h"

namespace dnd::cpu {
namespace {

void check(int64_t size, const char* what) {
  if (size < 1) {
    throw Error(ErrorCode::kInvalidArgument,
                std::string("convolution: ") + what + " is " + std::to_string(size) + "; it must be at least 1");
  }
}

/// Work with padding taps skipped along rows only, in arbitrary units.
double cost(const Geometry& geometry) {
  const double strided = geometry.x.column != 1 && geometry.x.channel != 1 ? 1.05 : 1.0;
  return strided * static_cast<double>(taps_inside(geometry.rows, geometry.kernel, 0, geometry.rows)) *
         static_cast<double>(geometry.columns * geometry.kernel);
}

void swap_rows_and_columns(Geometry& geometry) {
  std::swap(geometry.rows, geometry.columns);
  std::swap(geometry.x.row, geometry.x.column);
  std::swap(geometry.y.row, geometry.y.column);
  std::swap(geometry.tap_row_stride, geometry.tap_column_stride);
}

}  // namespace

Geometry convolution_geometry(DndAxis axis, int64_t batch, int64_t tokens, int64_t height, int64_t width,
                              int64_t out_channels, int64_t kernel) {
  check(batch, "batch");
  check(tokens, "tokens");
  check(height, "height");
  check(width, "width");
  check(out_channels, "the number of output channels");
  if (kernel < 1 || kernel % 2 == 0) {
    throw Error(ErrorCode::kInvalidArgument,
                "convolution: the kernel size is " + std::to_string(kernel) + "; it must be odd and positive");
  }
  Geometry geometry{};
  geometry.batch = batch;
  geometry.out_channels = out_channels;
  geometry.kernel = kernel;
  geometry.tap_row_stride = kernel;
  geometry.tap_column_stride = 1;
  // Rows and columns in the order of the kernel's axes: (H, N), (N, W), (H, W).
  const auto strides = [axis](int64_t n, int64_t h, int64_t w) -> Geometry::Strides {
    const int64_t batch_stride = n * h * w, token = h * w, row = w;
    switch (axis) {
      case kDndWidth: return {batch_stride, 1, row, token};
      case kDndHeight: return {batch_stride, row, token, 1};
      case kDndToken: return {batch_stride, token, row, 1};
    }
    throw Error(ErrorCode::kInvalidArgument, "convolution: unknown axis " + std::to_string(axis));
  };
  geometry.x = strides(tokens, height, width);
  switch (axis) {
    case kDndWidth:
      geometry.channels = width;
      geometry.rows = height;
      geometry.columns = tokens;
      geometry.y = strides(tokens, height, out_channels);
      break;
    case kDndHeight:
      geometry.channels = height;
      geometry.rows = tokens;
      geometry.columns = width;
      geometry.y = strides(tokens, out_channels, width);
      break;
    case kDndToken:
      geometry.channels = tokens;
      geometry.rows = height;
      geometry.columns = width;
      geometry.y = strides(out_channels, height, width);
      break;
  }
  Geometry swapped = geometry;
  swap_rows_and_columns(swapped);
  return cost(swapped) < cost(geometry) ? swapped : geometry;
}

}  // namespace dnd::cpu
