#include "cpu/spectral/plane_tiles.h"

namespace dnd::cpu {

PlaneTiles::PlaneTiles(const Geometry& geometry, const TileAxis& halved, const TileAxis& full, bool halved_is_i)
    : g_(geometry) {
  const Axis rows = {
      halved_is_i ? halved : full, g_.x.row, g_.y.row, g_.norm.row, g_.mean_rstd.row, g_.bias.row, g_.tap_row_stride};
  const Axis columns = {halved_is_i ? full : halved, g_.x.column,    g_.y.column,         g_.norm.column,
                        g_.mean_rstd.column,         g_.bias.column, g_.tap_column_stride};
  halved_ = halved_is_i ? rows : columns;
  full_ = halved_is_i ? columns : rows;
}

TileView<const float> PlaneTiles::input(const float* x, int64_t tile, int64_t channel, int64_t channels) const {
  const auto [task, a, b] = split(tile);
  const Range halved = inside(halved_.tiles, a), full = inside(full_.tiles, b);
  const int64_t offset = first_inside(halved_.tiles, a) * halved_.x + first_inside(full_.tiles, b) * full_.x;
  return {x + task * g_.x.batch + offset + channel * g_.x.channel,
          g_.x.channel,
          halved_.x,
          full_.x,
          channels,
          halved.begin,
          halved.end,
          full.begin,
          full.end};
}

TileNorm PlaneTiles::norm(const float* weight, const float* bias, const float* mean_rstd, int64_t tile,
                          int64_t channel) const {
  if (mean_rstd == nullptr) return {};
  const auto [task, a, b] = split(tile);
  const int64_t point_a = first_inside(halved_.tiles, a), point_b = first_inside(full_.tiles, b);
  const int64_t offset = channel * g_.norm.channel + point_a * halved_.norm + point_b * full_.norm;
  return {weight + offset,
          bias + offset,
          g_.norm.channel,
          halved_.norm,
          full_.norm,
          mean_rstd + task * g_.mean_rstd.batch + point_a * halved_.mean_rstd + point_b * full_.mean_rstd,
          halved_.mean_rstd,
          full_.mean_rstd};
}

int64_t PlaneTiles::output_offset(int64_t tile, int64_t channel) const {
  const auto [task, a, b] = split(tile);
  return task * g_.y.batch + channel * g_.y.channel + halved_.tiles.output_begin(a) * halved_.y +
         full_.tiles.output_begin(b) * full_.y;
}

int64_t PlaneTiles::bias_offset(int64_t tile) const {
  const auto [task, a, b] = split(tile);
  return halved_.tiles.output_begin(a) * halved_.bias + full_.tiles.output_begin(b) * full_.bias;
}

}  // namespace dnd::cpu
