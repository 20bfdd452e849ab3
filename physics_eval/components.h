// Connected regions of a mask as runs of its rows: the masks here are mostly empty, and a picture of labels
// for each costs more than all that is done with the regions.
#pragma once
#include <opencv2/core.hpp>
#include <span>
#include <vector>

namespace orrery::physics_eval {

struct Span {
  int y, first, end;  // columns first to end - 1
};

struct Component {
  cv::Rect box;
  int area = 0;
  std::span<const Span> runs;  // in reading order
};

class Components {
 public:
  // 8-connected, of what is not 0 in a CV_8U mask; in the reading order of their first pixels.
  explicit Components(const cv::Mat& mask);
  Components(const Components&) = delete;
  Components& operator=(const Components&) = delete;

  const std::vector<Component>& all() const { return components_; }
  const Component* largest() const;  // null if there is none
  int largest_area() const { return components_.empty() ? 0 : largest()->area; }

 private:
  std::vector<Span> runs_;  // component by component
  std::vector<Component> components_;
};

// The box with a margin all around, cut off at the frame's border.
cv::Rect grown(const cv::Rect& box, int margin, const cv::Size& frame);

// The component painted into a mask whose first pixel is at `origin`; it must lie inside.
void paint(const Component& component, cv::Mat& mask, uint8_t value, cv::Point origin = {});
// The component alone, CV_8U, 255 inside, of the size of its box or of `frame` in the coordinates of the
// component's mask.
cv::Mat mask_of(const Component& component);
cv::Mat mask_of(const Component& component, const cv::Rect& frame);

}  // namespace orrery::physics_eval
