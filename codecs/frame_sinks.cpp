#include "codecs/frame_sinks.h"

#include "codecs/png.h"
#include "codecs/resize.h"
#include "core/error.h"

namespace orrery {
namespace {

class FrameFolder : public FrameSink {
 public:
  FrameFolder(const fs::path& folder, std::function<Metadata(const Frame&)> metadata)
      : folder_(folder), metadata_(std::move(metadata)) {
    std::error_code ec;
    fs::create_directories(folder, ec);
    if (!fs::is_directory(folder))
      fail("cannot make folder {}: {}", folder.string(), ec ? ec.message() : "a file has its name");
  }
  void write(const Frame& frame) override {
    Metadata metadata = metadata_(frame);
    metadata.emplace_back("seconds", fmt::format("{:.6f}", frame.seconds));
    write_png(folder_ / fmt::format("frame_{:05d}.png", count_++), frame, metadata);
  }
  void finish() override {}

 private:
  fs::path folder_;
  std::function<Metadata(const Frame&)> metadata_;
  int64_t count_ = 0;
};

class Tee : public FrameSink {
 public:
  explicit Tee(std::vector<std::unique_ptr<FrameSink>> sinks) : sinks_(std::move(sinks)) {}
  void write(const Frame& frame) override {
    for (auto& sink : sinks_) sink->write(frame);
  }
  void finish() override {
    for (auto& sink : sinks_) sink->finish();
  }

 private:
  std::vector<std::unique_ptr<FrameSink>> sinks_;
};

class Resized : public FrameSink {
 public:
  Resized(std::unique_ptr<FrameSink> sink, int width, int height)
      : sink_(std::move(sink)), width_(width), height_(height) {}
  void write(const Frame& frame) override { sink_->write(resize(frame, width_, height_)); }
  void finish() override { sink_->finish(); }

 private:
  std::unique_ptr<FrameSink> sink_;
  int width_, height_;
};

}  // namespace

std::unique_ptr<FrameSink> open_frame_folder(const fs::path& folder, const Metadata& metadata) {
  return open_described_frame_folder(folder, [metadata](const Frame&) { return metadata; });
}

std::unique_ptr<FrameSink> open_described_frame_folder(const fs::path& folder, std::function<Metadata(const Frame&)> metadata) {
  return std::make_unique<FrameFolder>(folder, std::move(metadata));
}

std::unique_ptr<FrameSink> tee(std::vector<std::unique_ptr<FrameSink>> sinks) {
  return std::make_unique<Tee>(std::move(sinks));
}

std::unique_ptr<FrameSink> resized(std::unique_ptr<FrameSink> sink, int width, int height) {
  return std::make_unique<Resized>(std::move(sink), width, height);
}

}  // namespace orrery
