// Frames already made, for the evaluator.
#pragma once
#include <vector>

#include "core/frame.h"

namespace orrery {

class MemorySource : public FrameSource {
 public:
  explicit MemorySource(const std::vector<Frame>& frames) : frames_(frames) {}
  bool next(Frame& frame) override {
    if (at_ == frames_.size()) return false;
    frame = frames_[at_++];
    return true;
  }

 private:
  const std::vector<Frame>& frames_;
  size_t at_ = 0;
};

}  // namespace orrery
