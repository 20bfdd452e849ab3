// Recording changes nothing and says what happened; probes, edits and figures against cases with known
// answers.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstring>

#include "cli/clip_output.h"
#include "cli/inspect_figures.h"
#include "cli/inspect_report.h"
#include "codecs/encoder.h"
#include "models/affinity_input.h"
#include "core/files.h"
#include "tests/core/temporary_folder.h"
#include "tests/models/tiny_config.h"

namespace orrery {
namespace {

UnifiedTransformerConfig tiny_config() {
  UnifiedTransformerConfig c = test::tiny_config();
  c.num_layers = 3;
  c.router.experts = {2, 4, 4};
  return c;
}

// A model whose gates part the patches and whose objects do not fly straight on.
struct TinyModel {
  UnifiedTransformer model{tiny_config(), std::vector<float>(20 * 8, 0.1f)};
  TinyModel() {
    Rng rng(4);
    init_uniform(model.heads().early_copy.weight, 16, 1.0, rng);
    init_uniform(model.heads().objects.weight, 64, 1.0, rng);
    init_uniform(model.heads().patches.weight, 16, 1.0, rng);
    model.parameters().refresh();
  }
};

Scene two_objects() {
  Scene scene;
  scene.objects = {ObjectSpec{Shape::kBall, 3, 1, 0.35, 2.1, 4.0, 0.4, 1.0, -2.0, 0.5},
                   ObjectSpec{Shape::kBox, 5, 2, 0.4, 6.1, 1.0}};
  return quantized(scene);
}

struct Generated {
  std::vector<std::vector<ObjectChunk>> states;
  std::vector<ShownCodes> codes;
  PatchStats stats;
};

Generated generate(const UnifiedTransformer& model, const Scene& scene, Trace* dynamics, Trace* pixels) {
  Generated g;
  GenerationCache cache;
  cache.trace = dynamics;
  g.states = rollout_states(model, scene, 4, {}, cache);
  cache.trace = pixels;
  GenerationCache* const one = &cache;
  g.stats = generate_codes(model, {&one, 1}, 4,
                           [&](size_t, int, const ShownCodes& c) { g.codes.push_back(c); }, {0.5})
                .front();
  return g;
}

// Every routed token of a model with a predictor is judged, in its modality's column; without one there is nothing.
TEST(InspectTrace, GuessesAreJudgedByLayerAndModality) {
  TinyModel tiny;
  const auto figures = [&] {
    Trace dynamics, pixels;
    generate(tiny.model, two_objects(), &dynamics, &pixels);
    return routing_json(layer_figures({&dynamics, &pixels}, tiny.model.config()), tiny.model.config().router);
  };
  for (const Json& layer : figures())
    for (const char* domain : kDomainNames) EXPECT_FALSE(layer.at("domains").at(domain).contains("predicted"));
  Rng rng(5);
  tiny.model.set_affinity(AffinityPredictor(kAffinityParts * 64, 8, 3, tiny.model.config().router, rng));
  for (const Json& layer : figures()) {
    int64_t judged = layer.at("fell_back").get<int64_t>();
    for (const char* domain : kDomainNames)
      if (const Json& d = layer.at("domains").at(domain); d.contains("predicted")) {
        judged += d.at("predicted").at("tokens").get<int64_t>();
        EXPECT_GE(d.at("predicted").at("agreement").get<double>(), d.at("predicted").at("same_sets").get<double>());
        EXPECT_LE(d.at("predicted").at("agreement").get<double>(), 1.0);
      }
    EXPECT_EQ(judged, layer.at("tokens").get<int64_t>());
  }
}

TEST(InspectTrace, RecordingChangesNoByte) {
  const TinyModel tiny;
  Trace dynamics, pixels, words;
  const Generated plain = generate(tiny.model, two_objects(), nullptr, nullptr),
                  watched = generate(tiny.model, two_objects(), &dynamics, &pixels);
  EXPECT_EQ(plain.codes, watched.codes);
  for (size_t c = 0; c < plain.states.size(); ++c)
    for (size_t k = 0; k < 2; ++k)
      EXPECT_EQ(std::memcmp(plain.states[c][k].states.data(), watched.states[c][k].states.data(),
                            sizeof(plain.states[c][k].states)),
                0);
  const std::vector<int> ids = {3, 4, 5};
  const PrologueRequest request{ids, 9, 0.7, &words};
  EXPECT_EQ(prologue_of(sample_prologues(tiny.model, {&request, 1}).front()).size(),
            prologue_of(sample_prologue(tiny.model, ids, 9, 0.7)).size());
  EXPECT_EQ(words.passes.front().tokens.size(), 4u);  // [task] and three words
  EXPECT_GT(words.passes.size(), 5u);
}

TEST(InspectTrace, EveryTokenHasARouteInEveryLayerItReached) {
  const TinyModel tiny;
  Trace dynamics, pixels;
  const Generated g = generate(tiny.model, two_objects(), &dynamics, &pixels);
  ASSERT_EQ(dynamics.passes.size(), 6u);  // the scene, the start and four chunks
  for (const PassTrace& pass : dynamics.passes)
    for (const LayerTrace& layer : pass.layers) EXPECT_EQ(layer.routes.size(), pass.tokens.size());
  ASSERT_EQ(pixels.passes.size(), 4u);
  int64_t pruned = 0, copied = 0;
  for (const PassTrace& pass : pixels.passes) {
    ASSERT_EQ(pass.layers.size(), 3u);
    EXPECT_EQ(pass.layers[0].rows.size(), 240u);
    EXPECT_EQ(pass.layers[1].rows, pass.layers[2].rows);
    pruned += 240 - int64_t(pass.layers[1].rows.size());
    std::vector<uint8_t> stayed(240, 0);
    for (int32_t row : pass.layers[1].rows) stayed[size_t(row)] = 1;
    for (size_t p = 0; p < 240; ++p) {
      copied += pass.copied[p];
      EXPECT_TRUE(stayed[p] || pass.copied[p]) << "pruned and not copied";
    }
  }
  EXPECT_EQ(pruned, g.stats.pruned);
  EXPECT_EQ(copied, g.stats.copied);
  EXPECT_GT(pruned, 0);
  EXPECT_LT(pruned, 3 * 240);
}

// A head without output columns adds nothing; the other one does.
TEST(InspectTrace, HeadNormsAreWhatAHeadAdds) {
  TinyModel tiny;
  Parameter& out = tiny.model.layers()[1].attention.out.weight;  // [64, 2 * 16]
  for (int64_t i = 0; i < 64; ++i) std::fill_n(&out.value[size_t(i * 32)], 16, 0.0f);
  out.refresh();
  Trace dynamics;
  generate(tiny.model, two_objects(), &dynamics, nullptr);
  for (const PassTrace& pass : dynamics.passes)
    for (size_t i = 0; i < pass.tokens.size(); ++i) {
      EXPECT_EQ(pass.layers[1].heads[2 * i], 0);
      EXPECT_GT(pass.layers[1].heads[2 * i + 1], 0);
      EXPECT_GT(pass.layers[0].heads[2 * i], 0);
    }
}

TEST(InspectFigures, UseOfExperts) {
  const std::vector<int64_t> even = {5, 5, 5, 5}, one = {0, 9, 0, 0}, none = {0, 0},
                             scarce = {100, 100, 1, 0};
  EXPECT_DOUBLE_EQ(expert_use(even).used, 1);
  EXPECT_NEAR(expert_use(even).evenness, 1, 1e-12);
  EXPECT_DOUBLE_EQ(expert_use(one).used, 0.25);
  EXPECT_DOUBLE_EQ(expert_use(one).evenness, 0);
  EXPECT_DOUBLE_EQ(expert_use(none).used, 0);
  EXPECT_DOUBLE_EQ(expert_use(scarce).used, 0.5);
}

TEST(InspectFigures, CountsAgreeWithTheTrace) {
  const TinyModel tiny;
  Trace dynamics, pixels;
  const Generated g = generate(tiny.model, two_objects(), &dynamics, &pixels);
  const std::vector<LayerFigures> layers = layer_figures({&dynamics, &pixels}, tiny.model.config());
  ASSERT_EQ(layers.size(), 3u);
  EXPECT_EQ(layers[0].tokens, 1 + 5 * 2 + 4 * 240);
  EXPECT_EQ(layers[2].tokens, layers[0].tokens - g.stats.pruned);
  for (const LayerFigures& f : layers) {
    int64_t chosen = 0, went = 0, stayed = 0;
    for (int64_t n : f.load) chosen += n;
    for (int m = 0; m < kNumDomains; ++m)
      for (int d = 0; d < kNumDomains; ++d)
        went += f.went[size_t(m)][size_t(d)], stayed += m == d ? f.went[size_t(m)][size_t(d)] : 0;
    EXPECT_EQ(chosen, 2 * (f.tokens - f.fallback));
    EXPECT_EQ(went, f.tokens);
    EXPECT_EQ(went - stayed, f.left);
  }
}

struct ProbeCase {
  std::vector<float> features;
  ProbeTargets targets;
};

// Eight features; targets: linear in them, a threshold of it, noise, a constant, noise in two classes.
ProbeCase probe_case() {
  ProbeCase c;
  c.targets.value.resize(5);
  c.targets.binary = {0, 1, 0, 0, 1};
  Rng rng(21);
  for (int i = 0; i < 1500; ++i) {
    float sum = 2;
    for (int j = 0; j < 8; ++j) {
      c.features.push_back(float(3 + rng.normal() * (j + 1)));
      sum += float(j - 3) * c.features.back();
    }
    const float values[] = {sum, float(sum > 20), float(rng.normal()), 4, float(rng.chance(0.3))};
    for (size_t t = 0; t < 5; ++t) c.targets.value[t].push_back(values[t]);
    c.targets.part.push_back(i % 5 < 3    ? ProbePart::kFit
                             : i % 5 == 3 ? ProbePart::kChoose
                                          : ProbePart::kTest);
  }
  return c;
}

TEST(InspectProbes, FindWhatIsLinearAndNothingElse) {
  const ProbeCase c = probe_case();
  const std::vector<double> q = probe_quality(c.features, 8, c.targets);
  EXPECT_GT(q[0], 0.9999);
  EXPECT_GT(q[1], 0.99);
  EXPECT_LT(std::abs(q[2]), 0.05);
  EXPECT_TRUE(std::isnan(q[3]));
  EXPECT_NEAR(q[4], 0.5, 0.12);
}

TEST(InspectProbes, TooFewRowsAreNoFigure) {
  ProbeTargets targets;
  targets.part = {ProbePart::kFit, ProbePart::kTest};
  targets.value = {{1, 2}};
  targets.binary = {0};
  EXPECT_TRUE(std::isnan(probe_quality({1, 2, 3, 4}, 2, targets).front()));
}

// Three balls on a line; the first is edited and runs into the second; the third is far away and moves all
// the same.
TEST(InspectEdit, WhatMayChangeAndFromWhen) {
  Scene scene;
  for (double x : {1.0, 2.95, 9.0}) scene.objects.push_back({Shape::kBall, 0, 0, 0.4, x, 1.0});
  Trajectory before, after;
  before.num_objects = after.num_objects = 3;
  for (int f = 0; f < 20; ++f)
    for (int k = 0; k < 3; ++k) {
      ObjectState s;
      s.x = float(scene.objects[size_t(k)].x);
      s.y = 1;
      before.states.push_back(s);
      if (k == 0) s.x += 0.1f * float(std::min(f, 11));
      if (k == 1 && f > 11) s.x += 0.1f * float(f - 11);
      if (k == 2) s.y += 0.01f * float(f);
      after.states.push_back(s);
    }
  const std::vector<EditEffect> e = edit_effects(scene, 0, before, after);
  EXPECT_EQ(e[0].reached, 0);
  EXPECT_NEAR(e[0].change, 1.1, 1e-5);
  EXPECT_EQ(e[1].reached, 11);  // 0.85 m between centres: within 0.1 m of touching
  EXPECT_EQ(e[1].change_before, 0);
  EXPECT_NEAR(e[1].change, 0.8, 1e-5);
  EXPECT_EQ(e[2].reached, -1);
  EXPECT_NEAR(e[2].change_before, 0.19, 1e-5);
}

TEST(InspectEdit, ChangesOneVelocityAndNothingBefore) {
  const TinyModel tiny;
  const Scene scene = two_objects();
  const VelocityEdit e = edit_velocity(tiny.model, scene, 1, -1.5, 0, 3, nullptr);
  EXPECT_NEAR(e.new_vx, e.vx - 1.5, 0.01);
  EXPECT_EQ(e.before.num_frames(), 13);
  EXPECT_EQ(e.before.at(0, 1).x, e.after.at(0, 1).x);
  EXPECT_GT(e.effects[1].change, 0.1);
  EXPECT_FALSE(e.effects[1].simulated_change);
}

TEST(InspectClip, OriginComesFromTheMetadataOfOwnClipsAlone) {
  ClipOptions options;
  options.seconds = 1.2;
  options.temperature = 0.4;
  Provenance own = provenance_of("a red ball falls", 77, "0123abcd", options, "x.mp4");
  const ClipOrigin origin = clip_origin(own, "x.mp4");
  EXPECT_EQ(origin.request.prompt, "a red ball falls");
  EXPECT_EQ(origin.request.seed, 77u);
  EXPECT_EQ(origin.request.temperature, 0.4);
  EXPECT_EQ(origin.request.chunks, 8);
  EXPECT_EQ(origin.model, "0123abcd");
  for (const char* damage : {R"({"seconds":1e9,"temperature":0.5})", R"([1])", R"({})"}) {
    own.options = Json::parse(damage);
    EXPECT_THROW(clip_origin(own, "x.mp4"), Error) << damage;
  }
  own.prompt.reset();
  EXPECT_THROW(clip_origin(own, "x.mp4"), Error);
}

TEST(InspectReport, APromptCannotEndTheDataElement) {
  const std::string page = inspection_page(Json{{"prompt", "</script><script>alert(1)</script>"}}.dump());
  EXPECT_EQ(page.find("<script>alert"), std::string::npos);
  EXPECT_NE(page.find("\\u003cscript>alert"), std::string::npos);
}

struct Outcome {
  int code = 0;
  std::string text;
};

Outcome run(const std::string& arguments) {
  const fs::path log = fs::temp_directory_path() / fmt::format("orrery_inspect_{}.txt", getpid());
  const int status =
      std::system(fmt::format("'{}' {} > '{}' 2>&1", ORRERY_BINARY, arguments, log.string()).c_str());
  return {WEXITSTATUS(status), read_text(log)};
}

TEST(InspectCommand, RefusesWhatItCannotInspect) {
  const TemporaryFolder folder;
  const fs::path video = folder / "other.mp4", page = folder / "page.html";
  const auto encoder = open_encoder(video, 64, 64, {});
  for (int i = 0; i < 4; ++i) encoder->write(Frame(64, 64));
  encoder->finish();
  const Outcome other = run(fmt::format("inspect '{}' -o '{}'", video.string(), page.string()));
  EXPECT_EQ(other.code, 1);
  EXPECT_NE(other.text.find("only its own clips can be inspected"), std::string::npos) << other.text;
  EXPECT_EQ(run(fmt::format("inspect absent.mp4 -o '{}'", page.string())).code, 1);
  EXPECT_EQ(run(fmt::format("inspect ' ' -o '{}'", page.string())).code, 2);
  EXPECT_EQ(run(fmt::format("inspect 'a ball falls' --seconds 50 -o '{}'", page.string())).code, 2);
  EXPECT_FALSE(fs::exists(page));
}

class InspectWithWeights : public testing::Test {
 protected:
  void SetUp() override {
    try {
      generator_ = std::make_unique<Generator>();
    } catch (const std::exception& error) {
      GTEST_SKIP() << error.what();
    }
  }
  std::unique_ptr<Generator> generator_;
};

TEST_F(InspectWithWeights, TheClipIsTheOneThatRenderMakes) {
  const InspectedClip seen = inspect_clip(*generator_, {"a red ball hits a blue box", 5, 0.7, kDefaultEffort, 2}, [](int) {});
  PlannedClip plain = generator_->plan("a red ball hits a blue box", 5, 0.7, 2);
  std::vector<Frame> frames;
  const PatchStats stats = generator_->frames(plain, [&](const Frame& f) { frames.push_back(f); });
  ASSERT_EQ(seen.frames.size(), 2u);
  for (size_t c = 0; c < 2; ++c) EXPECT_EQ(seen.frames[c].rgb, frames[4 * c + 3].rgb);
  EXPECT_EQ(seen.patches.copied, stats.copied);
  EXPECT_EQ(seen.patches.pruned, stats.pruned);
}

TEST_F(InspectWithWeights, AClipAndItsPromptGiveTheSameFigures) {
  const TemporaryFolder folder;
  const std::string clip = (folder / "clip.mp4").string(), a = (folder / "a.html").string(),
                    b = (folder / "b.html").string(), c = (folder / "c.html").string();
  ASSERT_EQ(run(fmt::format("render 'a green box slides' --seed 3 --seconds 0.3 -o '{}' --quiet", clip)).code,
            0);
  const Outcome prompt =
                    run(fmt::format("inspect 'a green box slides' --seed 3 --seconds 0.3 --probes 40 -o '{}' --json", a)),
                file = run(fmt::format("inspect '{}' --probes 40 -o '{}' --json", clip, b));
  ASSERT_EQ(prompt.code, 0) << prompt.text;
  ASSERT_EQ(file.code, 0) << file.text;
  const Json x = parse_json(prompt.text, "prompt"), y = parse_json(file.text, "clip");
  for (const char* key : {"prompt", "seed", "patches", "layers", "velocity_edits", "probes"})
    EXPECT_EQ(x[key], y[key]) << key;
  EXPECT_EQ(y["source"], "clip.mp4");
  ASSERT_EQ(run(fmt::format("inspect 'a green box slides' --seed 3 --seconds 0.3 --probes 40 -o '{}' --quiet", c)).code,
            0);
  EXPECT_EQ(read_text(a), read_text(c));  // same bytes
  EXPECT_EQ(read_text(a).find("src=\"http"), std::string::npos);
  EXPECT_EQ(run(fmt::format("inspect 'a green box slides' -o '{}'", a)).code, 2);  // it exists
}

}  // namespace
}  // namespace orrery
