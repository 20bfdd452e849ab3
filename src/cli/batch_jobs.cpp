#include "cli/batch_jobs.h"

#include <algorithm>
#include <cctype>
#include <map>

#include "core/error.h"
#include "core/rng.h"
#include "generate/pipeline.h"

namespace orrery {
namespace {

constexpr size_t kMaxStem = 100, kMaxJobs = 1'000'000;
constexpr int kMaxSeeds = 10'000;

struct Line {
  int number;
  Json values;  // an object
};

// One line's job before its seeds are counted out.
struct Draft {
  BatchJob job;
  std::string format;
  std::vector<int64_t> seeds;  // named ones
  int count = 0;               // of seeds to be found; 0: not said
};

double number(const Json& v) {
  if (!v.is_number()) fail("must be a number");
  return v.get<double>();
}

int64_t integer(const Json& v) {
  if (!v.is_number_integer() || v.get<double>() < 0 || v.get<double>() > 9e15) fail("must be a whole number from 0 up");
  return v.get<int64_t>();
}

int small_integer(const Json& v) { return int(std::min<int64_t>(integer(v), 1'000'000)); }

std::string text(const Json& v) {
  if (!v.is_string()) fail("must be a text in quotation marks");
  const std::string s = v.get<std::string>();
  if (s.find('\0') != std::string::npos) fail("must not contain a zero byte");
  return s;
}

bool truth(const Json& v) {
  if (!v.is_boolean()) fail("must be true or false");
  return v.get<bool>();
}

// A line without a mark needs no key, whatever the command line says.
void set_watermark(const Json& v, Draft& d) {
  d.job.clip.watermark = truth(v);
  if (!d.job.clip.watermark) d.job.clip.watermark_key.clear();
}

void set_seeds(const Json& v, Draft& d) {
  if (!v.is_array()) {
    d.count = small_integer(v);
    if (d.count < 1 || d.count > kMaxSeeds) fail("must be 1 to {}, or a list of seeds", kMaxSeeds);
    return;
  }
  for (const Json& seed : v) d.seeds.push_back(integer(seed));
  if (d.seeds.empty() || d.seeds.size() > size_t(kMaxSeeds)) fail("must name 1 to {} seeds", kMaxSeeds);
}

using Setter = void (*)(const Json&, Draft&);
const std::map<std::string, Setter>& keys() {
  static const std::map<std::string, Setter> table = {
      {"id", [](const Json& v, Draft& d) { d.job.id = text(v); }},
      {"prompt", [](const Json& v, Draft& d) { d.job.prompt = text(v); }},
      {"seed", [](const Json& v, Draft& d) { d.seeds = {integer(v)}; }},
      {"seeds", set_seeds},
      {"seconds", [](const Json& v, Draft& d) { d.job.clip.seconds = number(v); }},
      {"size", [](const Json& v, Draft& d) { d.job.clip.size = text(v); }},
      {"fps", [](const Json& v, Draft& d) { d.job.clip.fps = number(v); }},
      {"upscale", [](const Json& v, Draft& d) { d.job.clip.upscale = small_integer(v); }},
      {"candidates", [](const Json& v, Draft& d) { d.job.clip.candidates = small_integer(v); }},
      {"effort", [](const Json& v, Draft& d) { d.job.clip.effort = number(v); }},
      {"temperature", [](const Json& v, Draft& d) { d.job.clip.temperature = number(v); }},
      {"crf", [](const Json& v, Draft& d) { d.job.clip.crf = small_integer(v); }},
      {"format", [](const Json& v, Draft& d) { d.format = text(v); }},
      {"private_prompt", [](const Json& v, Draft& d) { d.job.clip.private_prompt = truth(v); }},
      {"watermark", set_watermark},
      {"watermark_key", [](const Json& v, Draft& d) { d.job.clip.watermark_key = text(v); }},
      {"strict", [](const Json& v, Draft& d) { d.job.strict = truth(v); }},
  };
  return table;
}

std::string key_names() {
  std::string names;
  for (const auto& [key, setter] : keys()) names += (names.empty() ? "" : ", ") + key;
  return names;
}

std::string trimmed(std::string s) {
  const auto blank = [](unsigned char c) { return std::isspace(c); };
  s.erase(std::find_if_not(s.rbegin(), s.rend(), blank).base(), s.end());
  s.erase(s.begin(), std::find_if_not(s.begin(), s.end(), blank));
  return s;
}

std::string hex8(uint64_t hash) { return fmt::format("{:08x}", uint32_t(hash)); }

std::string slug(const std::string& s, size_t most, bool lower) {
  std::string out;
  for (unsigned char c : s) {
    if (c < 128 && (std::isalnum(c) || c == '.' || c == '_' || c == '-')) out += char(lower ? std::tolower(c) : c);
    else if (!out.empty() && out.back() != '-') out += '-';
  }
  out = out.substr(0, most);
  while (!out.empty() && (out.back() == '-' || out.back() == '.')) out.pop_back();
  return out.substr(std::min(out.size(), out.find_first_not_of(".-")));
}

Draft draft_of(const Json& values, const BatchDefaults& defaults) {
  if (!values.is_object()) fail("a line is an object such as {{\"prompt\": \"a red ball falls\"}}");
  Draft d;
  d.job.clip = defaults.clip;
  d.job.strict = defaults.strict;
  d.format = defaults.format;
  for (const auto& [key, value] : values.items()) {
    const auto setter = keys().find(key);
    if (setter == keys().end()) fail("unknown key \"{}\"; known are {}", key, key_names());
    try {
      setter->second(value, d);
    } catch (const Error& error) {
      fail("\"{}\" {}", key, error.what());
    }
  }
  if (values.contains("seed") && values.contains("seeds")) fail("\"seed\" and \"seeds\" are both given");
  d.job.prompt = trimmed(d.job.prompt);
  if (d.job.prompt.empty()) fail("the prompt is empty or missing");
  check_clip_options(d.job.clip);
  d.job.clip.seconds = chunks_for(d.job.clip.seconds) * kFramesPerChunk / kFramesPerSecond;
  check_video_extension("x." + d.format);
  if (values.contains("id") && trimmed(d.job.id).empty()) fail("\"id\" is empty");
  if (d.seeds.empty() && d.count == 0) d.count = defaults.seeds;
  return d;
}

// The clips of one line.
void expand(const Draft& d, uint64_t base_seed, std::vector<BatchJob>& jobs) {
  const size_t n = d.seeds.empty() ? size_t(d.count) : d.seeds.size();
  for (size_t i = 0; i < n; ++i) {
    BatchJob job = d.job;
    if (n > 1) job.id += d.seeds.empty() ? fmt::format("-{}", i + 1) : fmt::format("-s{}", d.seeds[i]);
    job.seed = d.seeds.empty() ? seed_of(job.id, base_seed) : d.seeds[i];
    job.file = safe_stem(job.id) + "." + d.format;
    jobs.push_back(std::move(job));
  }
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t begin = text.starts_with("\xef\xbb\xbf") ? 3 : 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    if (!lines.back().empty() && lines.back().back() == '\r') lines.back().pop_back();
    begin = end + 1;
  }
  return lines;
}

// RFC 4180: fields in quotation marks may hold commas, line ends and doubled quotation marks.
std::vector<std::pair<int, std::vector<std::string>>> csv_rows(const std::string& text) {
  std::vector<std::pair<int, std::vector<std::string>>> rows;
  int line = 1;
  size_t i = text.starts_with("\xef\xbb\xbf") ? 3 : 0;
  while (i < text.size()) {
    rows.push_back({line, {""}});
    for (bool quoted = false; i < text.size(); ++i) {
      std::string& field = rows.back().second.back();
      const char c = text[i];
      line += c == '\n';
      if (quoted && c == '"' && i + 1 < text.size() && text[i + 1] == '"') field += text[++i];
      else if (c == '"') quoted = !quoted;
      else if (quoted || (c != ',' && c != '\n' && c != '\r')) field += c;
      else if (c == ',') rows.back().second.emplace_back();
      else if (c == '\n') { ++i; break; }
    }
  }
  return rows;
}

// A cell as the JSON value that its key wants.
Json cell_value(const std::string& key, const std::string& cell) {
  if (key == "id" || key == "prompt" || key == "size" || key == "format" || key == "watermark_key") return cell;
  const Json value = Json::parse(cell, nullptr, false);
  return value.is_discarded() ? Json(cell) : value;
}

// Calls take(line); its errors, and those of reading, are gathered.
template <class Take>
void for_lines(const std::string& text, const std::string& name, ListFormat format, std::vector<std::string>& errors, Take&& take) {
  const auto guarded = [&](int number, auto&& body) {
    try {
      body();
    } catch (const std::exception& error) {
      errors.push_back(fmt::format("{}:{}: {}", name, number, error.what()));
    }
  };
  if (format == ListFormat::kCsv) {
    const auto rows = csv_rows(text);
    for (size_t r = 1; r < rows.size(); ++r) {
      const auto& [number, cells] = rows[r];
      if (cells.size() == 1 && trimmed(cells[0]).empty()) continue;
      guarded(number, [&] {
        const auto& header = rows[0].second;
        if (cells.size() > header.size()) fail("{} cells, the first line names {} columns", cells.size(), header.size());
        Json values = Json::object();
        for (size_t i = 0; i < cells.size(); ++i)
          if (!trimmed(cells[i]).empty()) values[trimmed(header[i])] = cell_value(trimmed(header[i]), trimmed(cells[i]));
        take(Line{number, values});
      });
    }
    return;
  }
  int number = 0;
  for (const std::string& line : lines_of(text)) {
    ++number;
    if (trimmed(line).empty()) continue;
    guarded(number, [&] { take(Line{number, format == ListFormat::kText ? Json{{"prompt", trimmed(line)}} : parse_json(line, "this line")}); });
  }
}

}  // namespace

ListFormat list_format(const std::string& name, const std::string& text) {
  if (name.ends_with(".csv")) return ListFormat::kCsv;
  if (name.ends_with(".jsonl") || name.ends_with(".ndjson") || name.ends_with(".json")) return ListFormat::kJsonl;
  const size_t first = text.find_first_not_of(" \t\r\n\xef\xbb\xbf");
  return !name.ends_with(".txt") && first != std::string::npos && text[first] == '{' ? ListFormat::kJsonl : ListFormat::kText;
}

Json options_of(const BatchJob& job) {
  Json options = to_json(job.clip);
  options["private_prompt"] = job.clip.private_prompt;
  options["watermark"] = job.clip.watermark;
  options["watermark_key"] = job.clip.watermark_key;
  return options;
}

int64_t seed_of(const std::string& id, uint64_t base_seed) { return int64_t(mix64(hash64(id) ^ mix64(base_seed)) & 0x7fffffff); }

std::string safe_stem(const std::string& id) {
  const std::string s = slug(id, kMaxStem - 9, false);
  return !s.empty() && s == id ? s : (s.empty() ? "clip" : s) + "-" + hex8(hash64(id));
}

JobList parse_jobs(const std::string& text, const std::string& name, ListFormat format, const BatchDefaults& defaults) {
  JobList list;
  std::map<std::string, int> first_line, same_prompt;  // of a file name in lower case; of an id made from a prompt
  for_lines(text, name, format, list.errors, [&](const Line& line) {
    const std::string content = line.values.dump();  // throws where it is not UTF-8
    Draft d = draft_of(line.values, defaults);
    if (d.job.id.empty()) {
      d.job.id = slug(d.job.prompt, 60, true) + "-" + hex8(hash64(content));
      if (const int times = ++same_prompt[d.job.id]; times > 1) d.job.id += fmt::format("-{}", times);
    }
    std::vector<BatchJob> jobs;
    expand(d, defaults.base_seed, jobs);
    for (const BatchJob& job : jobs) {
      std::string lower = job.file;
      for (char& c : lower) c = char(std::tolower(static_cast<unsigned char>(c)));
      const auto [at, fresh] = first_line.emplace(lower, line.number);
      if (!fresh) fail("id \"{}\" is taken by line {}", job.id, at->second);
    }
    if (list.jobs.size() + jobs.size() > kMaxJobs) fail("more than {} clips", kMaxJobs);
    list.jobs.insert(list.jobs.end(), jobs.begin(), jobs.end());
  });
  return list;
}

std::vector<BatchJob> shard_of(std::vector<BatchJob> jobs, const std::string& shard) {
  size_t part = 0, parts = 0;
  char end = 0;
  if (std::sscanf(shard.c_str(), "%zu/%zu%c", &part, &parts, &end) != 2 || part < 1 || part > parts)
    fail_usage("batch: --shard {} is not i/n with i from 1 to n, for example 1/4", shard);
  std::vector<BatchJob> mine;
  for (size_t i = part - 1; i < jobs.size(); i += parts) mine.push_back(std::move(jobs[i]));
  return mine;
}

}  // namespace orrery
