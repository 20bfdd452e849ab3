// Memory is bounded whatever the length.
#include <fstream>

#include "clips.h"

namespace orrery {
namespace {

double resident_mb() {
  std::ifstream in("/proc/self/statm");
  double total = 0, resident = 0;
  in >> total >> resident;
  return resident * double(sysconf(_SC_PAGESIZE)) / 1e6;
}

class LongClip : public ::testing::TestWithParam<const char*> {};

// A frame is 46 KB: 1500 of them would be 70 MB.
TEST_P(LongClip, NeedsNoMoreMemoryThanAShortOne) {
  const Folder folder;
  const fs::path path = folder / (std::string("long") + GetParam());
  constexpr int kFrames = 1500;
  std::vector<Frame> frames;
  for (int i = 0; i < 24; ++i) frames.push_back(gradient(160, 96, i));
  double before = 0;
  auto sink = open_encoder(path, 160, 96);
  for (int i = 0; i < kFrames; ++i) {
    if (i == 300) before = resident_mb();  // look-ahead and buffers are full
    sink->write(frames[size_t(i) % frames.size()]);
  }
  EXPECT_LT(resident_mb() - before, 20) << "encoder";
  sink->finish();
  sink.reset();
  auto source = open_decoder(path);
  int count = 0;
  for (Frame frame; source->next(frame); ++count)
    if (count == 300) before = resident_mb();
  EXPECT_LT(resident_mb() - before, 20) << "decoder";
  EXPECT_EQ(count, kFrames);
}

INSTANTIATE_TEST_SUITE_P(Slow, LongClip, ::testing::Values(".mp4", ".webm", ".gif"),
                         [](const auto& info) { return std::string(info.param).substr(1); });

}  // namespace
}  // namespace orrery
