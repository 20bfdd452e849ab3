#include "physics_eval/adherence.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "core/error.h"
#include "physics_eval/assignment.h"
#include "physics_eval/image.h"
#include "physics_eval/still_objects.h"
#include "physics_eval/thresholds.h"

namespace orrery::physics_eval {
namespace {

// One object followed over the looked-at frames, with its votes.
struct Candidate {
  double first_x = 0, first_y = 0, x = 0, y = 0, vx = 0, vy = 0, area = 0;
  int frames = 0;
  std::array<double, kShapeNames.size()> shapes{};
  std::array<double, kColorNames.size()> colors{};
};

void count_vote(Candidate& candidate, const StillObject& object) {
  if (candidate.frames > 0) candidate.vx = object.x - candidate.x, candidate.vy = object.y - candidate.y;
  candidate.x = object.x;
  candidate.y = object.y;
  candidate.area = std::max(candidate.area, object.area);
  ++candidate.frames;
  // What the border cuts off has no telling outline.
  candidate.shapes[int(object.shape)] += (object.clipped ? 0.1 : 1.0) * (0.05 + object.shape_confidence);
  candidate.colors[object.color] += 0.05 + object.color_confidence;
}

void add_frame(std::vector<Candidate>& candidates, const std::vector<StillObject>& objects) {
  std::vector<std::vector<double>> cost(objects.size(), std::vector<double>(candidates.size(), kForbidden));
  for (size_t i = 0; i < objects.size(); ++i)
    for (size_t k = 0; k < candidates.size(); ++k) {
      const Candidate& c = candidates[k];
      const double d = std::hypot(objects[i].x - c.x - c.vx, objects[i].y - c.y - c.vy), reach = 6 + 1.5 * std::sqrt(c.area);
      if (d < reach) cost[i][k] = d / reach + 0.3 * std::abs(std::log(objects[i].area / c.area));
    }
  const std::vector<int> match = assign(cost);
  for (size_t i = 0; i < objects.size(); ++i) {
    if (!match.empty() && match[i] >= 0) {
      count_vote(candidates[match[i]], objects[i]);
      continue;
    }
    Candidate fresh;
    fresh.first_x = objects[i].x;
    fresh.first_y = objects[i].y;
    count_vote(fresh, objects[i]);
    candidates.push_back(fresh);
  }
}

template <size_t n>
int winner(const std::array<double, n>& votes, double& share) {
  double total = 0;
  for (double v : votes) total += v;
  const auto best = std::max_element(votes.begin(), votes.end());
  share = total > 0 ? *best / total : 0;
  return int(best - votes.begin());
}

SeenObject conclude(const Candidate& c, double factor, int frames) {
  SeenObject out;
  out.shape = Shape(winner(c.shapes, out.shape_confidence));
  out.color = winner(c.colors, out.color_confidence);
  out.x = (c.first_x + 0.5) * factor - 0.5;
  out.y = (c.first_y + 0.5) * factor - 0.5;
  out.size = factor * std::sqrt(c.area / (out.shape == Shape::kBall ? CV_PI : 4.0));
  out.seen = double(c.frames) / frames;
  return out;
}

std::string name_of(const std::optional<Shape>& shape, const std::optional<int>& color) {
  return fmt::format("{} {}", color ? kColorNames[*color] : "any", shape ? kShapeNames[int(*shape)] : "object");
}

}  // namespace

std::vector<SeenObject> see_objects(std::span<const Frame> frames) {
  ORRERY_ASSERT(!frames.empty());
  use_one_thread();
  const int count = std::min(int(frames.size()), kAdherenceFrames);
  std::vector<Candidate> candidates;
  double factor = 1;
  for (int i = 0; i < count; ++i) add_frame(candidates, find_still_objects(reduced(frames[i], int(kWorkingWidth.value), factor)));
  std::vector<SeenObject> out;
  for (const Candidate& c : candidates)
    if (2 * c.frames >= count) out.push_back(conclude(c, factor, count));
  std::sort(out.begin(), out.end(), [](const SeenObject& a, const SeenObject& b) { return a.x < b.x; });
  return out;
}

std::vector<SeenObject> see_objects(FrameSource& source) {
  std::vector<Frame> frames;
  Frame frame;
  while (int(frames.size()) < kAdherenceFrames && source.next(frame)) frames.push_back(frame);
  if (frames.empty()) fail("adherence: the clip has no frames; check the file");
  return see_objects(frames);
}

std::string describe(std::span<const SeenObject> seen) {
  std::string out;
  for (const SeenObject& s : seen) out += (out.empty() ? "" : ", ") + name_of(s.shape, s.color);
  return out.empty() ? "nothing" : out;
}

bool adheres(std::span<const SeenObject> seen, const Expectation& expected, std::string* detail) {
  const auto say = [&](const std::string& text) {
    if (detail) *detail = text;
  };
  const int wanted = expected.count.value_or(int(expected.objects.size())), found = int(seen.size());
  if (found < wanted || (found > wanted && !expected.more_allowed)) {
    say(fmt::format("{} object(s) expected, {} seen: {}", wanted, found, describe(seen)));
    return false;
  }
  std::vector<std::vector<double>> cost(expected.objects.size(), std::vector<double>(seen.size(), kForbidden));
  for (size_t i = 0; i < expected.objects.size(); ++i)
    for (size_t k = 0; k < seen.size(); ++k) {
      const ExpectedObject& e = expected.objects[i];
      if ((!e.shape || *e.shape == seen[k].shape) && (!e.color || *e.color == seen[k].color)) cost[i][k] = 0;
    }
  const std::vector<int> match = assign(cost);
  for (size_t i = 0; i < match.size(); ++i)
    if (match[i] < 0) {
      say(fmt::format("no {} among: {}", name_of(expected.objects[i].shape, expected.objects[i].color), describe(seen)));
      return false;
    }
  say(describe(seen));
  return true;
}

}  // namespace orrery::physics_eval
