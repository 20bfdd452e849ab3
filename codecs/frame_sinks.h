// Where frames can go besides a video file.
#pragma once
#include <functional>
#include <memory>
#include <vector>

#include "codecs/encoder.h"
#include "core/frame.h"

namespace orrery {

// frame_00000.png, frame_00001.png, ... in `folder` (made if absent). Each file is whole or absent.
// Metadata goes into every picture, with its time as `seconds`.
std::unique_ptr<FrameSink> open_frame_folder(const fs::path& folder, const Metadata& metadata = {});
// The same with metadata that depend on the picture.
std::unique_ptr<FrameSink> open_described_frame_folder(const fs::path& folder,
                                                       std::function<Metadata(const Frame&)> metadata);

// Every frame to every sink. finish() finishes all in order; the first error stops the rest.
std::unique_ptr<FrameSink> tee(std::vector<std::unique_ptr<FrameSink>> sinks);

// Frames scaled to width x height on their way to `sink` (`--size`, `--upscale`).
std::unique_ptr<FrameSink> resized(std::unique_ptr<FrameSink> sink, int width, int height);

}  // namespace orrery
