// Which pixels of a rendered chunk matter: what moves, and what lies inside of a dilated object (models/picture_loss.h).
#pragma once
#include <cstdint>
#include <vector>

namespace orrery {

struct PixelClassConfig {
  double moving_threshold = 0.04;  // of 0..1: kMoving beyond it in any channel
  int dilation = 2;                // pixels around an object that count as kObject
};

// rgb [4][height][width][3], ids [4][height][width] from Renderer::mask -> PixelClass bits [4][height][width].
std::vector<uint8_t> classify_pixels(const std::vector<uint8_t>& rgb, const std::vector<uint8_t>& ids, int height, int width, const PixelClassConfig& config);
// [4][height][width] -> cells [height/4][width/4][(frame, y, x)], as patchify() orders pixels.
std::vector<uint8_t> classes_in_cells(const std::vector<uint8_t>& classes, int height, int width);

}  // namespace orrery
