#pragma once
#include <memory>
#include <vector>

#include "core/frame.h"

namespace orrery {

// Bicubic when enlarging, area average when shrinking (bicubic would alias). Keeps Frame::seconds.
Frame resize(const Frame& frame, int width, int height);

// The size inside max_width x max_height with the same aspect, never larger than w x h; 0 = no limit.
struct PictureSize {
  int width, height;
};
PictureSize fit_inside(int width, int height, int max_width, int max_height);

}  // namespace orrery
