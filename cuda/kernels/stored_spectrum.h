#pragma once

#include <cstdint>

/// Which numbers of a tile's spectrum are stored, and in which order (docs/cuda.md). Columns are frequencies of the
/// halved axis, rows those of the full one.
namespace dnd::cuda {

struct FrequencyPlace {
  int row, column;
  bool operator==(const FrequencyPlace&) const = default;
};

/// Frequencies of a tile: half of all, and two more.
constexpr int frequency_count(int points_full, int points_halved) { return points_full * points_halved / 2 + 2; }

/// Rows of a column that are stored, 0 … count − 1: the others of columns 0 and points_halved/2 are their conjugates.
constexpr int stored_rows(int points_full, int points_halved, int column) {
  return column == 0 || 2 * column == points_halved ? points_full / 2 + 1 : points_full;
}

/// The index of row 0 of a column that is neither 0 nor points_halved/2.
constexpr int general_column_begin(int points_full, int column) { return points_full + 2 + (column - 1) * points_full; }

/// The index of row 0 of a column, 0 … points_halved/2; the column's other stored rows follow.
constexpr int column_begin(int points_full, int points_halved, int column) {
  if (column == 0) return 0;
  if (2 * column == points_halved) return points_full / 2 + 1;
  return general_column_begin(points_full, column);
}

/// The row and column of a stored frequency.
constexpr FrequencyPlace frequency_place(int points_full, int points_halved, int frequency) {
  const int symmetric = points_full / 2 + 1;
  if (frequency < symmetric) return {frequency, 0};
  if (frequency < 2 * symmetric) return {frequency - symmetric, points_halved / 2};
  const int general = frequency - 2 * symmetric;
  return {general % points_full, 1 + general / points_full};
}

/// How many of a real tile's frequencies a stored one represents: itself, and its conjugate where that is another.
constexpr int frequency_multiplicity(int points_full, int points_halved, FrequencyPlace place) {
  const bool symmetric_row = place.row == 0 || 2 * place.row == points_full;
  const bool symmetric_column = place.column == 0 || 2 * place.column == points_halved;
  return symmetric_row && symmetric_column ? 1 : 2;
}

}  // namespace dnd::cuda
