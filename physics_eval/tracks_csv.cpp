#include "physics_eval/tracks_csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <sstream>

#include "core/error.h"
#include "physics_eval/thresholds.h"

namespace orrery::physics_eval {
namespace {

constexpr const char* kEnds[] = {"clip", "border", "overlap", "clear"};  // TrackEnd

// Commas outside quotes; "" inside them is one quote.
std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> out(1);
  bool quoted = false;
  for (size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (c == '"' && quoted && i + 1 < line.size() && line[i + 1] == '"') out.back() += line[++i];
    else if (c == '"') quoted = !quoted;
    else if (c == ',' && !quoted) out.emplace_back();
    else if (c != '\r') out.back() += c;
  }
  return out;
}

class Row {
 public:
  Row(const std::map<std::string, size_t>& columns, std::vector<std::string> cells, std::string place)
      : columns_(columns), cells_(std::move(cells)), place_(std::move(place)) {}
  const std::string* text(const std::string& name) const {
    const auto at = columns_.find(name);
    return at == columns_.end() || at->second >= cells_.size() ? nullptr : &cells_[at->second];
  }
  double number(const std::string& name) const {
    const std::string* cell = text(name);
    double value = 0;
    const bool read =
        cell && std::from_chars(cell->data(), cell->data() + cell->size(), value).ec == std::errc();
    if (!read || !std::isfinite(value) || std::abs(value) > 1e9)
      fail("{}: column {} is no number; see the header that --tracks writes", place_, name);
    return value;
  }
  double number_or(const std::string& name, double otherwise) const {
    return text(name) ? number(name) : otherwise;
  }
  TrackEnd end_or_clip(const std::string& name) const {
    const std::string* cell = text(name);
    for (int i = 0; i < 4; ++i)
      if (cell && *cell == kEnds[i]) return TrackEnd(i);
    return TrackEnd::kClip;
  }

 private:
  const std::map<std::string, size_t>& columns_;
  std::vector<std::string> cells_;
  std::string place_;
};

TrackPoint point_of(const Row& row) {
  TrackPoint p;
  p.frame = int(row.number("frame"));
  p.t = row.number("t_s");
  p.x = row.number("x_px");
  p.y = row.number("y_px");
  p.width = row.number_or("width_px", 20);
  p.height = row.number_or("height_px", 20);
  p.area = std::max(1.0, row.number_or("area_px2", CV_PI / 4 * p.width * p.height));
  p.round = row.number_or("round", 0.95);
  p.rgb = {float(row.number_or("r", 128)), float(row.number_or("g", 128)), float(row.number_or("b", 128))};
  p.clipped = row.number_or("clipped", 0) != 0;
  p.merged = row.number_or("merged", 0) != 0;
  return p;
}

std::map<std::string, size_t> columns_of(const std::string& header, const std::string& source) {
  std::map<std::string, size_t> out;
  for (const std::string& name : cells_of(header)) out.insert({name, out.size()});
  for (const char* name : {"track", "frame", "t_s", "x_px", "y_px"})
    if (!out.contains(name))
      fail("{}: no column {}; the first line must name track, frame, t_s, x_px, y_px", source, name);
  return out;
}

void measure_time(Observation& seen) {
  double first = 1e30, last = -1e30;
  int first_frame = 1 << 30, last_frame = 0;
  for (const Track& track : seen.tracks)
    for (const TrackPoint& p : track.points) {
      first = std::min(first, p.t), last = std::max(last, p.t);
      first_frame = std::min(first_frame, p.frame), last_frame = std::max(last_frame, p.frame);
    }
  if (seen.tracks.empty()) return;
  seen.frames = seen.judged = last_frame + 1;
  seen.seconds = last - first;
  if (seen.seconds > 0) seen.fps = (last_frame - first_frame) / seen.seconds;
}

}  // namespace

std::string tracks_csv_header() {
  return "path,track,frame,t_s,x_px,y_px,area_px2,width_px,height_px,round,r,g,b,clipped,merged,begin,end,"
         "px\n";
}

std::string tracks_csv(const Evaluation& e, const std::string& path) {
  std::string name = path, out;
  if (name.find_first_of(",\"\n") != std::string::npos) {
    std::string quoted = "\"";
    for (char c : name) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
    name = quoted + "\"";
  }
  for (const Track& track : e.tracks)
    for (const TrackPoint& p : track.points)
      out += fmt::format(
          "{},{},{},{:.6f},{:.4f},{:.4f},{:.1f},{:.1f},{:.1f},{:.4f},{:.1f},{:.1f},{:.1f},{},{},{},{},{:g}\n",
          name, track.id, p.frame, p.t, p.x, p.y, p.area, p.width, p.height, p.round, p.rgb[0], p.rgb[1],
          p.rgb[2], int(p.clipped), int(p.merged), kEnds[int(track.birth)], kEnds[int(track.death)], e.px);
  return out;
}

Observation read_tracks_csv(const std::string& text, const std::string& source, const std::string& path) {
  std::istringstream in(text);
  std::string line;
  if (!std::getline(in, line)) fail("{}: empty; expected a table as --tracks writes it", source);
  const auto columns = columns_of(line, source);
  std::map<int, Track> tracks;
  Observation seen;
  for (int number = 2; std::getline(in, line); ++number) {
    if (line.empty() || line == "\r") continue;
    const Row row(columns, cells_of(line), fmt::format("{} line {}", source, number));
    if (!path.empty() && row.text("path") && *row.text("path") != path) continue;
    Track& track = tracks[int(row.number("track"))];
    const TrackPoint p = point_of(row);
    if (!track.points.empty() && (p.frame <= track.points.back().frame || p.t <= track.points.back().t))
      fail("{} line {}: frames and times of a track must ascend", source, number);
    track.points.push_back(p);
    track.birth = row.end_or_clip("begin");
    track.death = row.end_or_clip("end");
    seen.px = std::clamp(row.number_or("px", 1), 0.01, 100.0);
    seen.width = std::max(seen.width, int(p.x) + 1);
    seen.height = std::max(seen.height, int(p.y) + 1);
  }
  for (auto& [id, track] : tracks) {
    track.id = id;
    if (int(track.points.size()) >= int(kMinTrackFrames.value)) seen.tracks.push_back(std::move(track));
  }
  measure_time(seen);
  return seen;
}

}  // namespace orrery::physics_eval
