// The repository's own text files, for tests of its structure.
#pragma once
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace orrery {

namespace fs = std::filesystem;

struct SourceFile {
  std::string path;  // relative to the repository
  std::vector<std::string> lines;
  bool ends_with(const std::string& suffix) const { return path.ends_with(suffix); }
  bool is_cpp() const { return ends_with(".cpp") || ends_with(".h"); }
};

inline std::vector<std::string> read_lines(const fs::path& path) {
  std::vector<std::string> lines;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// Everything that people write: C++, CMake, scripts, Markdown, JSON.
inline std::vector<SourceFile> source_files() {
  const fs::path root = ORRERY_ROOT;
  std::vector<fs::path> paths;
  for (const char* folder :
       {"src", "models", "codecs", "physics_eval", "tests", "bench", "samples", "scripts", ".ci"})
    if (fs::exists(root / folder))
      for (const auto& entry : fs::recursive_directory_iterator(root / folder))
        if (entry.is_regular_file()) paths.push_back(entry.path());
  for (const auto& entry : fs::directory_iterator(root))
    if (entry.is_regular_file()) paths.push_back(entry.path());
  std::vector<SourceFile> files;
  for (const fs::path& path : paths) {
    const std::string extension = path.extension().string(), relative = fs::relative(path, root).string();
    const bool text = extension.empty() || extension == ".h" || extension == ".cpp" || extension == ".py" ||
                      extension == ".md" || extension == ".json" || extension == ".txt" ||
                      extension == ".jsonl";
    if (text && fs::file_size(path) < (4u << 20)) files.push_back({relative, read_lines(path)});
  }
  std::sort(files.begin(), files.end(),
            [](const SourceFile& a, const SourceFile& b) { return a.path < b.path; });
  return files;
}

}  // namespace orrery
