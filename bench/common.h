// What the measuring programs share: their four options, the header that says where a figure comes from,
// order statistics, intervals, and a report that is Markdown on standard output and JSON in a file.
#pragma once
#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bench/memory_source.h"
#include "cli/statistics.h"
#include "core/frame.h"
#include "core/json.h"
#include "core/scene.h"
#include "generate/pipeline.h"

namespace orrery::bench {

struct Options {
  std::string model, json;  // model: empty = the shipped weights
  int count = 0, threads = 0;
  uint64_t seed = 0;
  double temperature = 0.7;  // render's default
};

// --model, --count, --seed, --threads, --json. `count_help` says what is counted.
void add_options(CLI::App& app, Options& options, int count, const std::string& count_help);

// Parses, sets the threads, runs; prints an error on one line. Exit code 0, 1, or 2 for usage.
int run_program(CLI::App& app, int argc, char** argv, const Options& options,
                const std::function<void()>& body);

// "0.021 / 0.104": median and 90th percentile; "-" for no values. `other` < 0.5 for figures of which more is
// better.
std::string spread(const std::vector<double>& values, int decimals = 3, double other = 0.9);
Json spread_json(const std::vector<double>& values);  // {"n", "p10", "median", "p90"}

// 95 % interval of the median from order statistics (no assumption about the distribution).
std::pair<double, double> median_interval(std::vector<double> values);

struct Table {
  std::string title;
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;
};

class Report {
 public:
  // Prints the question and the header: version, commit, date, CPU, threads, model. generator may be null.
  Report(const std::string& question, const Options& options, const Generator* generator);
  void print(const Table& table);
  void print(const std::string& line);
  Json figures;         // beside the tables, in full precision
  void finish() const;  // writes the JSON file if one was asked for

 private:
  Json document_;
  std::string path_;
};

// FLOP/s of a bf16 product of 1024^3 with all threads, the best of 20: what a step can be measured against.
double gemm_rate();
std::vector<Frame> frames_of(const Generator& generator, PlannedClip& clip);
// dB of 8-bit RGB; NaN where the mask, a byte a pixel, is empty. mask null: everywhere.
double psnr(const std::vector<uint8_t>& a, const std::vector<uint8_t>& b, const std::vector<uint8_t>* mask);
// "red steel ball r 0.31 m"
std::string describe(const ObjectSpec& object);

}  // namespace orrery::bench
