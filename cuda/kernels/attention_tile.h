#pragma once

namespace dnd::cuda {

/// A tile of keys or values in shared memory: rows of `width` halves (16, 32, 64 or 128), cut into pieces of 16 bytes.
/// Pieces of neighbouring rows are turned against each other, so that no two of 8 rows' equal pieces, nor of 8 pieces
/// written side by side, fall into the same banks.
///
/// Returns the place of a row's piece, in pieces. Turning has a period of 8 rows, and the place of piece p ^ q is that
/// of p, ^ q: from one place of a lane follow all the others.
constexpr unsigned attention_piece(unsigned width, unsigned row, unsigned piece) {
  const unsigned pieces = width / 8;
  const unsigned rows_in_line = pieces < 8 ? 8 / pieces : 1;  // of 128 bytes, which are all banks once
  const unsigned turn = row / rows_in_line % (pieces < 8 ? pieces : 8);
  return row * pieces + (piece ^ turn);
}

/// The width that heads of `head_width` are padded to with zeros; 0 where they are too wide for the matrix units' path.
constexpr int attention_width(long long head_width) {
  for (const int width : {16, 32, 64, 128}) {
    if (head_width <= width) return width;
  }
  return 0;
}

}  // namespace dnd::cuda
