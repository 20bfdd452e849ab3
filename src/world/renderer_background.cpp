#include "world/renderer_background.h"

#include <algorithm>
#include <cmath>

#include "core/rng.h"

namespace orrery {
namespace {

constexpr float kVanishingRow = 112;  // the floor's lines meet there, above the middle of the picture
constexpr ColorF kRampColor{178, 152, 124};

float fraction(float x) { return x - std::floor(x); }

// 1 on the line at integer x, 0 further than `width` from it, smooth.
float line(float x, float width) {
  const float distance = std::abs(fraction(x + 0.5f) - 0.5f);
  return 1 - smooth_step(distance / width);
}

// A number in [-1, 1] for an integer cell.
float cell_tone(float cell, uint64_t key) {
  return float(mix64(uint64_t(int64_t(cell)) * 0x9e3779b97f4a7c15ull + key) >> 40) * 0x1p-23f - 1;
}

}  // namespace

Background::Background(const Scene& scene, Style style, uint64_t seed)
    : style_(style),
      wall_color_(kBackdrops[scene.wall_color]),
      floor_color_(kBackdrops[scene.floor_color] * 0.86f),
      light_(kLights[scene.light]),
      texture_(scene.floor_texture),
      phase_(float(mix64(seed) >> 40) * 0x1p-24f),
      pool_x_(160 + light_.x * 210),
      pool_y_(96 - light_.y * 80),
      has_ramp_(scene.ramp.present) {
  if (!has_ramp_) return;
  const float scale = float(kPixelsPerMeter);
  ramp_low_ = float(scene.ramp.x_low) * scale;
  ramp_high_ = float(scene.ramp.x_high) * scale;
  ramp_left_ = std::min(ramp_low_, ramp_high_);
  ramp_right_ = std::max(ramp_low_, ramp_high_);
  ramp_low_row_ = kContactRow;
  ramp_slope_ = -float(scene.ramp.height) * scale / (ramp_high_ - ramp_low_);
}

ColorF Background::at(float px, float py) const {
  const float on_floor = std::clamp(py - kJointRow + 0.5f, 0.0f, 1.0f);
  ColorF color;
  if (on_floor <= 0)
    color = wall(px, py);
  else if (on_floor >= 1)
    color = floor(px, py);
  else
    color = mix(wall(px, py), floor(px, py), on_floor);
  return has_ramp_ ? with_ramp(color, px, py) : color;
}

// A pool of light on a plain wall, darker towards the floor, with a skirting board.
ColorF Background::wall(float px, float py) const {
  const float dx = (px - pool_x_) / 260, dy = (py - pool_y_) / 190;
  const float away = dx * dx + dy * dy;
  float tone = 1.08f - 0.30f * away / (1.0f + away) * (light_.direct / 0.86f);
  const float above_joint = kJointRow - py;
  tone *= 1 - 0.13f * smooth_step(1 - above_joint / 26);
  const float board = smooth_step((7.0f - above_joint) / 1.2f);
  tone *= 1 + 0.07f * board;
  tone *= 1 - 0.10f * smooth_step((1.4f - above_joint) / 1.4f);
  if (style_ == Style::kEvaluation) tone *= 1 + 0.05f * std::sin(px * 0.42f + 6.28f * phase_) + 0.03f * cell_tone(std::floor(px / 9), 77);
  return wall_color_ * tone;
}

// u, v: metres on the floor; at the contact line one metre of u is one metre of the world.
ColorF Background::floor(float px, float py) const {
  const float scale = (py - kVanishingRow) / (kContactRow - kVanishingRow);
  const float u = (px - 160) / float(kPixelsPerMeter) / scale, v = 6.0f / scale;
  const float depth = smooth_step((py - kJointRow) / (kFrameHeight - kJointRow));
  float tone = 0.93f + 0.12f * depth + 0.05f * light_.x * (px - 160) / 160;
  tone *= 1 - 0.14f * smooth_step(1 - (py - kJointRow) / 6);  // the corner under the wall
  const float texture = style_ == Style::kTrain ? floor_texture(u, v, scale) : evaluation_texture(u, v);
  return floor_color_ * (tone * (1 + texture));
}

// Low contrast and no detail below three pixels: a code of 45 bits per patch has to carry it.
float Background::floor_texture(float u, float v, float fade) const {
  switch (texture_) {
    case 1: {  // planks: boards along the line of sight
      const float board = u / 0.8f;
      return 0.035f * cell_tone(std::floor(board), 11) * smooth_step(fraction(board) * 8) - 0.075f * line(board, 0.075f / fade);
    }
    case 2: {  // tiles
      const float a = u / 1.25f, b = v / 1.1f;
      const float checker = std::sin(3.14159f * a) * std::sin(3.14159f * b);
      return 0.045f * std::clamp(checker * 3.0f, -1.0f, 1.0f) - 0.03f * line(a, 0.06f / fade);
    }
    case 3:  // carpet: soft waves
      return 0.022f * std::sin(2.6f * u + 1.3f * std::sin(1.7f * v)) + 0.018f * std::sin(4.1f * v - 0.9f * u);
    default:
      return 0;
  }
}

float Background::evaluation_texture(float u, float v) const {
  const float a = std::floor(u / 0.45f + phase_), b = std::floor(v / 0.5f + phase_);
  return 0.09f * cell_tone(a * 31 + b, 5) + 0.03f * std::sin(17 * u + 9 * v);
}

float Background::ramp_coverage(float px, float py) const {
  if (!has_ramp_) return 0;
  const float across = std::min(px - ramp_left_, ramp_right_ - px) + 0.5f;
  if (across <= 0) return 0;
  const float steep = std::sqrt(1 + ramp_slope_ * ramp_slope_);
  const float below_back = (py - (slope_row(px) - kRampBack)) / steep + 0.5f;
  const float above_base = kContactRow + kRampFront - py + 0.5f;
  return std::clamp(across, 0.0f, 1.0f) * std::clamp(below_back, 0.0f, 1.0f) * std::clamp(above_base, 0.0f, 1.0f);
}

// A wedge with a light strip for its slope and a shaded front.
ColorF Background::with_ramp(ColorF behind, float px, float py) const {
  // What stands on the floor darkens it nearby.
  const float beside = std::max({0.0f, ramp_left_ - px, px - ramp_right_}) / 9;
  const float in_front = std::abs(py - kContactRow - kRampFront) / 7;
  if (py > kJointRow) behind = behind * (1 - 0.22f * smooth_step(1 - std::sqrt(beside * beside + in_front * in_front)));
  const float coverage = ramp_coverage(px, py);
  if (coverage <= 0) return behind;
  const float steep = std::sqrt(1 + ramp_slope_ * ramp_slope_);
  const float below = (py - slope_row(px)) / steep;
  // The slope's normal in the picture: up and towards the low end.
  const float side = ramp_slope_ / steep;  // > 0 if it descends to the right
  const float slope_tone = 1.10f + 0.10f * (light_.x * side);
  const float height = (kContactRow - py) / 80;
  float front_tone = 0.80f + 0.07f * std::clamp(height, 0.0f, 1.0f) - 0.03f * light_.x * (px - ramp_low_) / 120;
  front_tone -= 0.09f * smooth_step(1 - (below - kRampFront) / 5);  // under the strip
  const float front = std::clamp(below - kRampFront / steep + 0.5f, 0.0f, 1.0f);
  float tone = slope_tone + (front_tone - slope_tone) * front;
  tone *= 1 - 0.18f * smooth_step(1.6f - std::min({px - ramp_left_, ramp_right_ - px, below + kRampBack}));
  const ColorF color = style_ == Style::kTrain ? kRampColor : ColorF{138, 100, 88};
  return mix(behind, color * tone, coverage);
}

}  // namespace orrery
