// A media file opened for reading by what is in it.
#pragma once
#include "codecs/ffmpeg.h"
#include "core/files.h"

namespace orrery {

class InputFile {
 public:
  // Error: absent, a folder, empty, of no known format, cut off, or a list of other files (playlists are
  // refused: a clip must not make this program open something else).
  explicit InputFile(const fs::path& path);
  AVFormatContext& format() const { return *format_; }
  const std::string& name() const { return name_; }  // of the file, for messages

 private:
  std::string name_;
  ffmpeg::IoPtr io_;
  ffmpeg::InputPtr format_;
};

// Walks the outermost structure of MP4/MOV, Matroska/WebM, AVI and GIF. Empty: whole as far as this can tell,
// or another format; else what is missing: "its 'mdat' box needs 52311 bytes more than the file has".
std::string missing_part(const fs::path& path);

}  // namespace orrery
