// A generated clip against a reference of the same scene: PSNR, SSIM, and the four measures of Physics-IQ
// (Motamed et al. 2025, arXiv 2501.09038) by their published definitions. Frames are compared one by one, as
// many as both have.
#pragma once
#include <functional>
#include <optional>
#include <vector>

#include "core/frame.h"
#include "core/json.h"

namespace orrery::physics_eval {

struct CompareOptions {
  int max_frames = 0;  // > 0: only so many
  // Called with every frame's motion masks of both clips (Frame of grey pixels, 0 or 255).
  std::function<void(const Frame& generated, const Frame& reference)> masks = {};
};

struct Comparison {
  int frames = 0, width = 0, height = 0;  // size compared: the reference's
  double psnr = 0;                        // dB of the mean squared error over all frames; 100 for equal clips
  double ssim = 0;         // mean over frames, of luma, Gaussian window of sigma 1.5 (Wang et al. 2004)
  double mse = 0;          // of RGB in 0..1, mean over frames
  double spatial_iou = 0;  // of where anything moved at any time
  double spatiotemporal_iou = 0;    // of where it moves, mean over frames; 1 where nothing moves in both
  double weighted_spatial_iou = 0;  // of how often it moved, sum of least over sum of largest
  int empty_frames = 0;             // frames in which nothing moves in both: a frozen pair wins by them
};

// The generated frames are scaled to the reference's size. Error when one of them has no frame.
Comparison compare(FrameSource& generated, FrameSource& reference, const CompareOptions& options = {});

// Against a second take of the reference: what reality itself varies by.
struct PhysicsIq {
  double original =
      0;  // clip((sum of the three IoU over those of the takes) / 3 - (MSE - MSE of the takes)), 0 to 1
  double verified = 0;  // mean of the four ratios, each clipped to 0..1; MSE of the takes over MSE
};
PhysicsIq physics_iq(const Comparison& generated, const Comparison& takes);

Json comparison_json(const Comparison& comparison);

// Frechet distance between two sets of feature vectors as if they were Gaussian (Heusel et al. 2017): |m1 -
// m2|^2 + trace(C1 + C2 - 2 (C1 C2)^1/2). Error for fewer than two vectors in a set or vectors of unequal
// length.
using Features = std::vector<std::vector<double>>;
double frechet_distance(const Features& a, const Features& b);

}  // namespace orrery::physics_eval
