// The benchmark as one HTML file that needs nothing else: tables, and the clips side by side.
#pragma once
#include "cli/world/benchmark_table.h"

namespace orrery {

// A film small enough to be part of a page, as a data URL; empty if the file cannot be read.
std::string film_data(const fs::path& file);

// Style of the tables, in the gallery's colours.
std::string table_style();

std::string benchmark_page(const BenchmarkOptions& options, const std::string& model,
                           const BenchmarkResult& result, const std::vector<ScoredClip>& clips);

}  // namespace orrery
