// An invisible mark in the pixels: which program, which model, which seed. Found without the original, after
// compression, scaling, cropping, and changes of brightness, contrast and frame rate.
//
// A pattern that repeats over the picture's plane, constant in time, in brightness and in blue against yellow,
// whose Fourier coefficients in a ring of frequencies carry chips of +-1: some a known sign (to find scale and
// place), the others a coded payload. Which is which, and their signs, follow from the key. Spread spectrum
// after Cox et al. 1997; the mark that repeats, so that cropping only shifts it, after Kutter 1998.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/files.h"
#include "core/frame.h"

namespace orrery {

struct WatermarkKey {
  uint64_t value = 0;
};
// In every copy of this program: whoever has it can write and imitate the mark.
WatermarkKey shipped_watermark_key();
// From the SHA-256 of a file's bytes. Error: absent, or shorter than 16 bytes.
WatermarkKey read_watermark_key(const fs::path& path);

// Besides these 32 bits the mark holds 16 that name the program, and a CRC-16 over the 48.
struct WatermarkPayload {
  uint16_t model = 0;  // first 16 bits of the model's hash
  uint16_t seed = 0;   // low 16 bits of the seed
  bool operator==(const WatermarkPayload&) const = default;
};
WatermarkPayload watermark_payload(const std::string& model_hash, uint64_t seed);
std::string to_hex(const WatermarkPayload& payload);  // 12 digits: program, model, seed

class WatermarkEmbedder {
 public:
  WatermarkEmbedder(int width, int height, WatermarkKey key, const WatermarkPayload& payload);
  void mark(Frame& frame) const;  // of that size

 private:
  int width_, height_;
  std::vector<float> luma_, blue_;  // [height][width], levels; luma before the perceptual mask
};

// Frames marked on their way to `sink`.
std::unique_ptr<FrameSink> watermarked(std::unique_ptr<FrameSink> sink, int width, int height,
                                       WatermarkKey key, const WatermarkPayload& payload);

struct WatermarkReading {
  bool found = false;
  WatermarkPayload payload;
  double chip_errors = 0.5;  // share of the payload's chips with the wrong sign
  double sync = 0;           // correlation with the known chips, standard deviations
  double scale_x = 1, scale_y = 1, shift_x = 0,
         shift_y = 0;               // share of the marked picture's sides seen; pixels of 320
  int64_t searched = 0;             // scales and places compared
  int decoded = 0;                  // of these, tried with the code
  double false_positive_bound = 1;  // probability of `found` for an unmarked clip or another key, at most
};

class WatermarkDetector {
 public:
  // Any size up to 8 times as high as wide, but the same for all, else Error.
  void add(const Frame& frame);
  int frames() const { return frames_; }
  // Searches scale and place. Error when there is no frame.
  WatermarkReading read(WatermarkKey key) const;

  // What `read` compares with a key, for measuring many keys: coefficients of one scale.
  struct Spectrum {
    double scale_x, scale_y;
    int places_x, places_y;              // searched along each side
    std::vector<float> real, imaginary;  // [coefficient], whitened
  };
  std::vector<Spectrum> spectra() const;  // all scales; the first is the whole picture
  static WatermarkReading read(const std::vector<Spectrum>& spectra, WatermarkKey key);

 private:
  std::vector<float> weighted(int channel) const;
  int width_ = 0, height_ = 0, frames_ = 0;  // of `sums_`
  int frame_width_ = 0, frame_height_ = 0;
  std::array<std::vector<float>, 2> sums_;  // high-passed, clipped luma and Cb
};

}  // namespace orrery
