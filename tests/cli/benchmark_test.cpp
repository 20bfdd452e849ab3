// `orrery benchmark` as its users meet it: suites, generators and scorers of their own, some of them broken.
#ifdef ORRERY_WORLD
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "cli/world/benchmark_evaluator.h"
#include "cli/world/benchmark_table.h"
#include "core/error.h"
#include "core/rng.h"
#include "physics_eval/tracks_csv.h"
#include "tests/core/temporary_folder.h"

namespace orrery {
namespace {

constexpr const char* kSmallSuite = R"({"suite": "small", "version": 3, "scenarios": [
  {"id": "fall", "law": "free flight", "prompt": "a red ball falls", "family": "drop", "seconds": 1, "objects": [{"shape": "ball", "color": "red"}]},
  {"id": "still", "law": "rest", "prompt": "a box's rest", "family": "rest", "expect": "rest", "seconds": 1}],
  "metamorphic": [{"id": "mirror", "relation": "mirrored", "prompt": "a ball rolls right", "changed": "a ball rolls left", "family": "roll", "seconds": 1}]})";

struct Outcome {
  int code = 0;
  std::string text;  // standard output and error
};

class Benchmark : public testing::Test {
 protected:
  void SetUp() override { write("suite.json", kSmallSuite); }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
  }
  void script(const std::string& name, const std::string& body) const {
    write(name, "#!/bin/sh\n" + body + "\n");
    chmod(path(name).c_str(), 0755);
  }
  Outcome run(const std::string& arguments) const {
    const int status = std::system(
        fmt::format("'{}' benchmark --quiet {} > '{}' 2>&1", ORRERY_BINARY, arguments, path("log")).c_str());
    return {WEXITSTATUS(status), read_text(path("log"))};
  }
  std::string world(const std::string& more) const {
    return fmt::format("-o '{}' --suite '{}' --seeds 1 {}", path("out"), path("suite.json"), more);
  }
  Json result() const { return read_json(folder_ / "out/benchmark.json"); }
  static Json row(const Json& document, const std::string& law, const std::string& generator) {
    for (const Json& r : document.at("table"))
      if (r.at("law") == law && r.at("generator") == generator) return r;
    return nullptr;
  }
  TemporaryFolder folder_;
};

TEST_F(Benchmark, TheReferencesBoundTheTable) {
  const Outcome o = run(world("--columns simulator,perturbed"));
  ASSERT_EQ(o.code, 0) << o.text;
  const Json document = result();
  EXPECT_EQ(document.at("suite").at("version"), 3);
  for (const char* law : {"free flight", "rest"}) {
    const double upper = row(document, law, "simulator").at("score").at("mean"),
                 lower = row(document, law, "perturbed").at("score").at("mean");
    EXPECT_GT(upper, 80) << law;
    EXPECT_LT(lower, upper - 20) << law;
  }
  const std::string page = read_text(folder_ / "out/index.html");
  for (const char* outside : {"http://", "https://", "src=\"/"})
    EXPECT_EQ(page.find(outside), std::string::npos) << outside;
  EXPECT_NE(page.find("data:video/mp4;base64,"), std::string::npos);
  // The mirrored scene goes the other way.
  bool mirrored = false;
  for (const Json& r : document.at("metamorphic").at("pixels"))
    if (r.at("relation") == "mirrored") {
      mirrored = true;
      EXPECT_EQ(r.at("holds").at("share"), 1) << r.dump();
    }
  EXPECT_TRUE(mirrored);
}

TEST_F(Benchmark, MakesNothingTwiceAndRefusesOtherOptions) {
  ASSERT_EQ(run(world("--columns simulator")).code, 0);
  const fs::path clip = folder_ / "out/clips/simulator/fall-s1.mp4";
  const std::string digest = sha256_file(clip), table = read_text(folder_ / "out/benchmark.csv");
  const auto made = fs::last_write_time(clip);
  fs::remove(folder_ / "out/clips/simulator/still-s1.mp4");
  const Outcome plan = run(world("--columns simulator --dry-run"));
  EXPECT_NE(plan.text.find("1 to make"), std::string::npos) << plan.text;
  ASSERT_EQ(run(world("--columns simulator")).code, 0);
  EXPECT_EQ(fs::last_write_time(clip), made);
  EXPECT_EQ(read_text(folder_ / "out/benchmark.csv"), table);
  write("suite.json", std::string(kSmallSuite).replace(std::string(kSmallSuite).find("falls"), 5, "drops"));
  const Outcome refused = run(world("--columns simulator"));
  EXPECT_EQ(refused.code, 2);
  EXPECT_NE(refused.text.find("--overwrite"), std::string::npos) << refused.text;
  ASSERT_EQ(run(world("--columns simulator --overwrite")).code, 0);
  EXPECT_EQ(sha256_file(folder_ / "out/clips/simulator/fall-s1.mp4").size(), digest.size());
}

TEST_F(Benchmark, AGeneratorOfTheUsersGetsPromptSeedAndPath) {
  ASSERT_EQ(run(world("--columns simulator")).code, 0);
  script("gen", fmt::format("printf '%s|%s\\n' \"$1\" \"$2\" >> '{}'\ncp '{}' \"$3\"", path("asked"),
                            path("out/clips/simulator/fall-s1.mp4")));
  const Outcome o =
      run(world(fmt::format("--columns none --name mine --no-metamorphic --base-seed 7 --generator \"'{}' "
                            "{{prompt}} {{seed}} {{out}}\"",
                            path("gen"))));
  ASSERT_EQ(o.code, 0) << o.text;
  EXPECT_EQ(read_text(path("asked")), "a red ball falls|7\na box's rest|7\n");
  EXPECT_GT(row(result(), "free flight", "mine").at("score").at("mean").get<double>(), 80);
  EXPECT_LT(row(result(), "rest", "mine").at("score").at("mean").get<double>(), 50);  // it moves
}

TEST_F(Benchmark, ABrokenGeneratorIsNamedAndTheRestGoesOn) {
  script("gen",
         "case \"$1\" in *falls) echo warming up >&2; echo out of memory >&2; exit 3;; esac; echo no video > "
         "\"$2\"");
  const Outcome o = run(world(
      fmt::format("--columns simulator --name mine --generator \"'{}' {{prompt}} {{out}}\"", path("gen"))));
  EXPECT_EQ(o.code, 1);
  EXPECT_NE(o.text.find("exit status 3: out of memory"), std::string::npos) << o.text;
  EXPECT_NE(o.text.find("{out} is no video"), std::string::npos) << o.text;
  EXPECT_EQ(row(result(), "free flight", "mine").at("failed"), 1);
  EXPECT_EQ(row(result(), "free flight", "simulator").at("judged"), 1);
  EXPECT_FALSE(fs::exists(folder_ / "out/clips/mine/fall-s1.mp4"));
}

TEST_F(Benchmark, ABadSuiteIsRefusedWithAllItsFaults) {
  write(
      "suite.json",
      R"({"scenarios": [{"id": "a", "law": "x"}, {"id": "b", "law": "x", "prompt": "p", "colour": 1}, {"id": "c", "law": "x", "prompt": "p", "family": "flood"}]})");
  const Outcome o = run(world(""));
  EXPECT_EQ(o.code, 2);
  for (const char* fault :
       {"scenarios 1: prompt is missing", "scenarios 2: unknown key colour", "scenarios 3: family 'flood'"})
    EXPECT_NE(o.text.find(fault), std::string::npos) << o.text;
}

TEST_F(Benchmark, AScorerOfTheUsersIsMeasured) {
  script("good",
         "case \"$1\" in *violation_*|*control_*) echo '{\"score\": 10}';; *) echo 'a line'; echo 90;; esac");
  const std::string suites = fmt::format("-o '{}' --scenarios 1 ", path("seen"));
  const Outcome o =
      run(suites + fmt::format("--json --alarm-below 50 --evaluator \"'{}' {{clip}}\"", path("good")));
  ASSERT_EQ(o.code, 0) << o.text.substr(0, 2000);
  const Json document = read_json(folder_ / "seen/benchmark.json");
  EXPECT_EQ(document.at("middle_dose").at("mean_auc"), 1);
  for (const Json& kind : document.at("violations"))
    EXPECT_EQ(kind.at("doses")[0].at("called").at("share"), 1);
  for (const Json& innocent : document.at("innocents")) EXPECT_EQ(innocent.at("alarms").at("hits"), 0);
  for (const Json& control : document.at("controls")) EXPECT_EQ(control.at("wins").at("hits"), 0);
  // The same with faults counted instead, on the same clips.
  script("faults", "case \"$1\" in *violation_*|*control_*) echo 10;; *) echo 1;; esac");
  ASSERT_EQ(run(suites + fmt::format("--lower-is-better --evaluator \"'{}' {{clip}}\"", path("faults"))).code,
            0);
  EXPECT_EQ(read_json(folder_ / "seen/benchmark.json").at("middle_dose").at("mean_auc"), 1);
  // One that fails on some clips is named, and the others count.
  script("half", "case \"$1\" in *_vanish_*) echo no weights >&2; exit 9;; esac; echo 5");
  const Outcome half = run(suites + fmt::format("--evaluator \"'{}' {{clip}}\"", path("half")));
  EXPECT_EQ(half.code, 1);
  EXPECT_NE(half.text.find("exit status 9: no weights"), std::string::npos) << half.text;
  EXPECT_EQ(read_json(folder_ / "seen/benchmark.json").at("middle_dose").at("mean_auc"), 0.5);
}

TEST(BenchmarkOpinion, NumbersJsonAndNothing) {
  EXPECT_EQ(opinion_of("loading\n 71.5 \n").score, 71.5);
  EXPECT_EQ(opinion_of("{\"score\": 3, \"verdict\": \"inconsistent\"}").broken, true);
  EXPECT_EQ(opinion_of("log\n{\"clips\": [{\"score\": 4, \"verdict\": \"consistent\"}]}").score, 4);
  for (const char* none : {"null", "nan", "{\"score\": null}", "-\n"}) {
    EXPECT_FALSE(opinion_of(none).score) << none;
    EXPECT_EQ(opinion_of(none).failure, "") << none;
  }
  for (const char* bad : {"", "3 of 4", "{\"value\": 3}", "{\"score\": \"high\"}", "inf", "{"})
    EXPECT_NE(opinion_of(bad).failure, "") << bad;
}

TEST(BenchmarkOpinion, SurvivesTruncationAndRandomBytes) {
  const std::string whole = "{\"clips\": [{\"score\": 4, \"verdict\": \"consistent\", \"reason\": \"x\"}]}";
  for (size_t n = 0; n < whole.size(); ++n) EXPECT_FALSE(opinion_of(whole.substr(0, n)).score) << n;
  Rng rng(1);
  for (int i = 0; i < 300; ++i) {
    std::string bytes;
    for (int k = rng.below(80); k > 0; --k) bytes += char(rng.below(256));
    opinion_of(bytes);
  }
}

TEST(BenchmarkSuite, TheShippedOneIsSoundAndItsReferencesExist) {
  const Suite suite = load_suite("");
  EXPECT_GE(suite.laws().size(), 7u);
  for (const Scenario& s : suite.scenarios) {
    const Scene scene = reference_scene(s, 1);
    EXPECT_EQ(scene.objects.size(), s.objects.size()) << s.id;
    for (const auto& wanted : s.objects) {
      bool there = false;
      for (const ObjectSpec& o : scene.objects) there |= o.color == wanted.color && o.shape == wanted.shape;
      EXPECT_TRUE(there) << s.id;
    }
  }
}

TEST(BenchmarkSuite, SurvivesTruncationAndRandomBytes) {
  const std::string whole = kSmallSuite;
  for (size_t n = 0; n < whole.size(); ++n) EXPECT_THROW(parse_suite(whole.substr(0, n), "cut"), Error) << n;
  Rng rng(2);
  for (int i = 0; i < 300; ++i) {
    std::string text = whole;
    for (int k = 0; k < 3; ++k) text[size_t(rng.below(int(text.size())))] = char(32 + rng.below(95));
    try {
      parse_suite(text, "damaged");
    } catch (const Error&) {
    }
  }
}

// The tracks that are made of states are those that the laws expect: a fall has the simulator's g.
TEST(BenchmarkReferences, StatesBecomeTracksWithTheRightGravity) {
  Scenario s;
  s.id = "fall", s.family = "bounce", s.law = "bounce";
  s.objects = {{Shape::kBall, 3}};
  const ReferenceClip clip = simulated(reference_scene(s, 4), 72);
  EXPECT_EQ(clip.scene.objects[0].color, 3);
  const physics_eval::Evaluation e = physics_eval::evaluate_tracks(
      physics_eval::read_tracks_csv(tracks_csv_of_states(clip.scene, clip.trajectory), "states", ""), {});
  ASSERT_TRUE(e.estimates.g_px_s2);
  EXPECT_NEAR(*e.estimates.g_px_s2 / kPixelsPerMeter, 9.81, 0.1);
  EXPECT_GT(judged(s, e).at("score").get<double>(), 90);
  const ReferenceClip broken = perturbed(clip.scene, 72, "bounce");
  EXPECT_EQ(broken.broken, "a bounce gains speed");
  const physics_eval::Evaluation worse = physics_eval::evaluate_tracks(
      physics_eval::read_tracks_csv(tracks_csv_of_states(broken.scene, broken.trajectory), "states", ""), {});
  EXPECT_LT(judged(s, worse).at("score").get<double>(), 50);
}

TEST(BenchmarkBlame, SaysWhetherDynamicsOrRenderingBroke) {
  const auto row = [](const char* column, double states, double pixels) {
    TableRow r;
    r.law = "bounce", r.column = column;
    r.states.mean = states, r.score.mean = pixels;
    return r;
  };
  const auto reading = [&](double states, double pixels) {
    return blame_of({row("orrery", states, pixels), row("simulator", 98, 95)})[0].reading;
  };
  EXPECT_EQ(reading(96, 92), "neither");
  EXPECT_EQ(reading(60, 58), "dynamics");
  EXPECT_EQ(reading(96, 40), "rendering");
  EXPECT_EQ(reading(98, 87), "rendering");  // 11 points, the tracker's 3 among them
  EXPECT_EQ(reading(60, 20), "dynamics and rendering");
  EXPECT_EQ(reading(NAN, 20), "not judged");
}

}  // namespace
}  // namespace orrery
#endif
