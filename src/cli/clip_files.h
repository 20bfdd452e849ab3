// What the commands about clips share: which files, which pictures.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "codecs/decoder.h"
#include "physics_eval/html_report.h"

namespace orrery {

// Files as they are, folders by the videos in them (by extension, all levels, in order of name). UsageError
// for a folder without any.
std::vector<std::string> expand_clips(const std::vector<std::string>& paths);

// The frames asked for (ascending), at most `width` wide, as base64 of PNG; those that the clip does not have
// are left out.
std::vector<physics_eval::Picture> read_pictures(const std::string& path, const std::vector<int>& frames,
                                                 int width);

// A cell of a CSV file: in quotes, those inside doubled.
std::string csv_quoted(const std::string& text);

// The clip as the evaluator sees it, scaled down while it is decoded; pixels in the result are the file's own.
// skip: frames at the start that it does not get to see. opened: told what the file says of itself, before the rest
// of it is read.
physics_eval::Evaluation evaluate_clip(const std::string& path, physics_eval::EvaluateOptions options, int threads, int skip = 0,
                                       const std::function<void(const VideoInfo&)>& opened = nullptr);

}  // namespace orrery
