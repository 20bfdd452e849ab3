#pragma once
#include <span>
#include <string>
#include <vector>

#include "codecs/text.h"
#include "core/frame.h"

namespace orrery {

struct ContactSheetOptions {
  int columns = 0;                        // 0: about as many columns as rows
  int gap = 4;                            // pixels around and between pictures
  std::vector<std::string> captions;      // under picture i; shorter than frames: the rest have none
  std::vector<std::string> row_captions;  // above row r, over the whole width
  int max_caption_lines = 3;              // longer text ends in "..."
  Rgb background = {24, 26, 30}, text = {230, 230, 230};
};

// Row by row; cells are as large as the largest frame, smaller ones are centred. Error for no frames.
Frame contact_sheet(std::span<const Frame> frames, const ContactSheetOptions& options = {});

// `count` indices spread evenly over [0, total), first and last included: which frames a sheet shows.
std::vector<int> spread_indices(int total, int count);

}  // namespace orrery
