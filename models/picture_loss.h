// The error of a picture: squared and absolute, with more weight on what moves and on objects. For the video tokenizer
// and for whoever predicts its codes.
#pragma once
#include <cstdint>
#include <span>

namespace orrery {

// What a pixel is to the loss.
enum PixelClass : uint8_t { kMoving = 1, kObject = 2 };  // differs from its mean over the four frames; inside a dilated object

struct PictureWeights {
  double absolute = 0.1;           // of |e| beside e^2
  double moving = 8, object = 3;   // added to 1 for pixels of the class
};

// Sums over pixels' values (3 a pixel), to be divided by the counts.
struct ReconstructionError {
  double loss = 0, squared = 0, object_squared = 0;
  int64_t count = 0, object_count = 0;
  double mean_loss() const { return loss / double(count); }
  double psnr() const;         // dB, of all pixels
  double object_psnr() const;  // dB, inside dilated objects; 0 if there are none
};

// pixels: [cells][192], 0..1, in the layout of patchify(); become scale * the gradient of the summed loss.
// target [cells][192], 0..255; classes [cells][64], PixelClass bits of (frame, y, x).
ReconstructionError picture_loss(std::span<float> pixels, const uint8_t* target, const uint8_t* classes, const PictureWeights& weights, float scale);

}  // namespace orrery
