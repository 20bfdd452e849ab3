// Display matrices: how a stored picture must be turned to stand upright.
#pragma once
#include "codecs/ffmpeg.h"
#include "core/frame.h"

namespace orrery {

// One of the eight symmetries of a rectangle: stored (x, y) -> shown (a x + c y, b x + d y), y downwards.
struct Orientation {
  int a = 1, b = 0, c = 0, d = 1;
  bool is_identity() const { return a == 1 && d == 1; }
  bool transposes() const { return a == 0; }
  int clockwise_degrees() const;  // of the turn, a mirror image aside
  void apply(const Frame& stored, Frame& shown) const;
};

// From the stream's side data. Turns by other than quarters are rounded to the nearest.
Orientation stream_orientation(const AVStream& stream);
Orientation matrix_orientation(const int32_t matrix[9]);

}  // namespace orrery
