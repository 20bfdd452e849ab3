// Scored clips -> the table by law, the same by law of physics_eval, and where the model's own clips break.
#pragma once
#include "cli/world/benchmark_relations.h"

namespace orrery {

// One law and one column. Means and intervals: over scenarios, within them over seeds; clips that could not
// be judged are counted and not averaged.
struct TableRow {
  std::string law, column;
  int scenarios = 0, clips = 0, judged = 0, failed = 0, violated = 0;
  MeanInterval score;   // NaN: nothing was judged
  MeanInterval states;  // of the states behind the same clips; NaN: not known
  Share adheres;
};

// By law of the suite, then column; the last of each column has the law "all".
std::vector<TableRow> table_of(const BenchmarkOptions& options, const std::vector<ScoredClip>& clips);
const TableRow* find_row(const std::vector<TableRow>& table, const std::string& law, const std::string& column);  // or null

// By law of physics_eval: mean quality (0 to 100) where a clip showed enough of it.
struct LawRow {
  std::string law, column;
  int judged = 0;
  MeanInterval quality;
};
std::vector<LawRow> laws_of(const BenchmarkOptions& options, const std::vector<ScoredClip>& clips);

// Where a law breaks: the score of the states against the score of the pixels, and the same for the
// simulator, whose loss is the tracker's.
struct BlameRow {
  std::string law;
  double states = 0, pixels = 0, simulator_states = 0, simulator_pixels = 0;  // NaN: not known
  std::string reading;                                                        // "dynamics", "rendering", ...
};
std::vector<BlameRow> blame_of(const std::vector<TableRow>& table);

struct BenchmarkResult {
  std::vector<TableRow> table;
  std::vector<LawRow> laws;
  std::vector<BlameRow> blame;
  std::vector<PixelRelation> pixels;
  std::vector<StateRelation> states;
};

Json benchmark_json(const BenchmarkOptions& options, const std::string& model, const BenchmarkResult& result,
                    const std::vector<ScoredClip>& clips);
std::string table_csv(const BenchmarkResult& result);
std::string clips_csv(const BenchmarkOptions& options, const std::vector<ScoredClip>& clips);
std::string table_markdown(const BenchmarkOptions& options, const BenchmarkResult& result);
std::string score_text(const MeanInterval& score);  // "87 [71, 96]", "-" where nothing was judged

}  // namespace orrery
