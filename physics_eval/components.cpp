#include "physics_eval/components.h"

#include <algorithm>
#include <cstring>

namespace orrery::physics_eval {
namespace {

// First column from x on that is not 0, eight at a time.
int skip_empty(const uint8_t* row, int x, int columns) {
  for (uint64_t eight; x + 8 <= columns; x += 8) {
    std::memcpy(&eight, row + x, 8);
    if (eight) break;
  }
  while (x < columns && !row[x]) ++x;
  return x;
}

void add_runs(const uint8_t* row, int y, int columns, std::vector<Span>& runs) {
  for (int x = skip_empty(row, 0, columns); x < columns; x = skip_empty(row, x, columns)) {
    const int first = x;
    while (x < columns && row[x]) ++x;
    runs.push_back({y, first, x});
  }
}

// Union-find over runs: the smallest index is the root.
class Sets {
 public:
  explicit Sets(size_t n) : parent_(n) {
    for (size_t i = 0; i < n; ++i) parent_[i] = int(i);
  }
  int root(int i) {
    while (parent_[size_t(i)] != i) i = parent_[size_t(i)] = parent_[size_t(parent_[size_t(i)])];
    return i;
  }
  void join(int a, int b) {
    a = root(a), b = root(b);
    parent_[size_t(std::max(a, b))] = std::min(a, b);
  }

 private:
  std::vector<int> parent_;
};

// Joins the runs of a row with those of the row above that they touch, corners too.
void join_rows(const std::vector<Span>& runs, size_t above, size_t row, size_t end, Sets& sets) {
  for (size_t a = above, b = row; a < row && b < end;) {
    if (runs[a].first <= runs[b].end && runs[b].first <= runs[a].end) sets.join(int(a), int(b));
    if (runs[a].end < runs[b].end) ++a;
    else ++b;
  }
}

}  // namespace

Components::Components(const cv::Mat& mask) {
  std::vector<Span> runs;
  std::vector<size_t> rows;  // first run of each
  for (int y = 0; y < mask.rows; ++y) {
    rows.push_back(runs.size());
    add_runs(mask.ptr<uint8_t>(y), y, mask.cols, runs);
  }
  rows.push_back(runs.size());
  Sets sets(runs.size());
  for (size_t y = 1; y + 1 < rows.size(); ++y) join_rows(runs, rows[y - 1], rows[y], rows[y + 1], sets);

  std::vector<int> number(runs.size());
  std::vector<size_t> count;
  for (size_t i = 0; i < runs.size(); ++i) {
    const auto root = size_t(sets.root(int(i)));
    if (root == i) number[i] = int(count.size()), count.push_back(0);
    else number[i] = number[root];
    ++count[size_t(number[i])];
  }
  runs_.resize(runs.size());
  std::vector<size_t> at(count.size());
  for (size_t k = 1; k < count.size(); ++k) at[k] = at[k - 1] + count[k - 1];
  components_.resize(count.size());
  for (size_t k = 0; k < count.size(); ++k) components_[k].runs = {runs_.data() + at[k], count[k]};
  for (size_t i = 0; i < runs.size(); ++i) {
    const Span& r = runs[i];
    Component& component = components_[size_t(number[i])];
    runs_[at[size_t(number[i])]++] = r;
    component.area += r.end - r.first;
    component.box |= cv::Rect(r.first, r.y, r.end - r.first, 1);
  }
}

const Component* Components::largest() const {
  const auto most = std::max_element(components_.begin(), components_.end(),
                                     [](const Component& a, const Component& b) { return a.area < b.area; });
  return most == components_.end() ? nullptr : &*most;
}

cv::Rect grown(const cv::Rect& box, int margin, const cv::Size& frame) {
  return cv::Rect(box.x - margin, box.y - margin, box.width + 2 * margin, box.height + 2 * margin) &
         cv::Rect({}, frame);
}

void paint(const Component& component, cv::Mat& mask, uint8_t value, cv::Point origin) {
  for (const Span& r : component.runs)
    std::memset(mask.ptr<uint8_t>(r.y - origin.y) + r.first - origin.x, value, size_t(r.end - r.first));
}

cv::Mat mask_of(const Component& component) { return mask_of(component, component.box); }

cv::Mat mask_of(const Component& component, const cv::Rect& frame) {
  cv::Mat mask = cv::Mat::zeros(frame.size(), CV_8U);
  paint(component, mask, 255, frame.tl());
  return mask;
}

}  // namespace orrery::physics_eval
