#include "models/relations.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "core/rng.h"
#include "models/objectives.h"
#include "models/unified_transformer.h"
#include "tests/models/tiny_config.h"

namespace orrery {
namespace {

ObjectContent object_at(float x, float y, Shape shape = Shape::kBox, float angle = 0, int chunk = 0) {
  ObjectContent o{{TokenKind::kObject, int16_t(chunk), 0, {x, y, true}}, {}, {shape, 2, 1, 0.4}};
  o.chunk.states.fill({x, y, angle, 0, 0, 0, false});
  return o;
}

std::array<float, kRelationFeatures> features(const Place& patch, const ObjectContent& object) {
  std::array<float, kRelationFeatures> out;
  relation_features(patch, object, out.data());
  return out;
}

TEST(Relations, TellOfTheVectorBetweenTheTwoAlone) {
  const auto a = features({4.25f, 2.25f, true}, object_at(4, 2, Shape::kBox, 0.3f)), b = features({7.25f, 5.25f, true}, object_at(7, 5, Shape::kBox, 0.3f));
  for (int i = 0; i < kRelationFeatures; ++i) EXPECT_NEAR(a[size_t(i)], b[size_t(i)], 1e-4) << i;
  const auto beside = features({4.75f, 2.25f, true}, object_at(4, 2, Shape::kBox, 0.3f));
  EXPECT_NE(a, beside);
}

TEST(Relations, TheGapIsToTheOutlineAsItIsTurned) {
  constexpr int kGap = 4;
  EXPECT_NEAR(features({5, 2, true}, object_at(4, 2))[kGap], 0.6, 1e-5);
  EXPECT_NEAR(features({5, 2, true}, object_at(4, 2, Shape::kBox, float(std::numbers::pi / 4)))[kGap], std::sqrt(0.5) - 0.4, 1e-5);
  EXPECT_NEAR(features({5, 3, true}, object_at(4, 2, Shape::kBall))[kGap], std::sqrt(2.0) - 0.4, 1e-5);
}

TEST(Relations, FadeToNothingAtTheEndOfTheirReachAndBindAChunkOnly) {
  const ObjectContent object = object_at(4, 2, Shape::kBall);
  EXPECT_EQ(relation_weight({4, 2, true}, object), 1);
  EXPECT_EQ(relation_weight({4 + 0.4f + kRelationReach - kRelationFade - 0.01f, 2, true}, object), 1);
  EXPECT_NEAR(relation_weight({4 + 0.4f + kRelationReach - kRelationFade / 2, 2, true}, object), 0.5, 1e-4);
  EXPECT_EQ(relation_weight({4 + 0.4f + kRelationReach + 0.01f, 2, true}, object), 0);
  const std::array<ObjectContent, 2> objects = {object, object_at(4, 2, Shape::kBall, 0, 1)};
  const std::array<Token, 3> tokens = {Token{TokenKind::kPatch, 1, 0, {4.2f, 2, true}}, Token{TokenKind::kPatch, 1, 1, {9, 2, true}}, objects[1].token};
  Relations relations;
  append_relations(tokens, 10, objects, {}, relations);
  EXPECT_EQ(relations.rows, std::vector<int64_t>{10});
}

UnifiedTransformerConfig with_relations() {
  UnifiedTransformerConfig c = test::tiny_config();
  c.router.cluster_weight = c.router.z_weight = c.router.balance_weight = 0;
  c.vocabulary_size = 0;
  c.patch_relations = true;
  return c;
}

struct Drawn {
  Scene scene;
  TokenBatch objects, patches, whole;
};

// Two objects in chunk 1 and ten patches; `whole` has both in one sequence.
Drawn drawn(float x) {
  Drawn d;
  d.scene.objects = {ObjectSpec{Shape::kBall, 3, 1, 0.35, x, 3.0}, ObjectSpec{Shape::kBox, 5, 2, 0.4, 6.1, 3.0}};
  const auto add = [&](TokenBatch& to, bool objects, bool patches) {
    if (objects) to.add_scene(d.scene);
    for (int k = 0; objects && k < 2; ++k) to.add_object(k, 1, initial_chunk(d.scene.objects[size_t(k)]), d.scene.objects[size_t(k)], d.scene.gravity);
    const std::vector<float> previous(4, 0.25f);
    for (int p = 100; patches && p < 110; ++p) to.add_patch(p, 1, previous.data(), 4);
    to.end_sequence();
  };
  add(d.objects, true, false);
  add(d.patches, false, true);
  add(d.whole, true, true);
  return d;
}

void learn_something(UnifiedTransformer& model) {
  Rng rng(5);
  for (Parameter* p : model.parameters().all())
    if (p->name == "embed.relations.down.weight") init_uniform(*p, 64, 1.0, rng);
}

TEST(Relations, ReachPatchesThroughACacheAsInOneSequence) {
  UnifiedTransformer model(with_relations(), {});
  const Drawn d = drawn(2.1f);
  ForwardCache plain, related;
  model.forward(d.whole, {}, plain);
  learn_something(model);
  model.forward(d.whole, {}, related);
  GenerationCache cache;
  Rows<float> hidden;
  model.extend(d.objects, cache, true, hidden);
  ASSERT_EQ(cache.objects.size(), 2u);
  model.extend(d.patches, cache, false, hidden);
  const int64_t first = d.objects.size();
  double moved = 0;
  for (int64_t i = 0; i < hidden.rows(); ++i)
    for (int64_t j = 0; j < hidden.cols(); ++j) {
      EXPECT_NEAR(hidden.row(i)[j], related.hidden.row(first + i)[j], 0.03);
      moved = std::max(moved, double(std::abs(plain.hidden.row(first + i)[j] - related.hidden.row(first + i)[j])));
    }
  EXPECT_GT(moved, 0.1) << "the relations change nothing";
  for (int64_t i = 0; i < first; ++i)
    for (int64_t j = 0; j < hidden.cols(); ++j) ASSERT_EQ(plain.hidden.row(i)[j], related.hidden.row(i)[j]) << "objects must not see what patches are told";
}

TEST(Relations, GradientMatchesFiniteDifferences) {
  UnifiedTransformer model(with_relations(), {});
  learn_something(model);
  const Drawn d = drawn(2.1f);
  const std::vector<int8_t> codes = [] {
    Rng rng(3);
    std::vector<int8_t> v;
    for (int i = 0; i < 40; ++i) v.push_back(int8_t(rng.below(5)));
    return v;
  }();
  const std::vector<uint8_t> unchanged(10, 0);
  const auto loss = [&](ForwardCache& cache, Rows<float>* dhidden) {
    model.forward(d.whole, {}, cache);
    if (dhidden) {
      dhidden->resize(cache.hidden.rows(), cache.hidden.cols());
      dhidden->zero();
    }
    return patch_objective(model, d.whole, codes, unchanged, cache.hidden, 1.0, dhidden).mean();
  };
  ForwardCache cache;
  Rows<float> dhidden;
  model.parameters().zero_gradients();
  loss(cache, &dhidden);
  model.backward(d.whole, cache, dhidden);
  int checked = 0;
  for (Parameter* p : model.parameters().all()) {
    if (p->name.find("embed.relations") != 0) continue;
    double norm = 0;
    for (float g : p->gradient) norm += double(g) * g;
    norm = std::sqrt(norm);
    ASSERT_GT(norm, 1e-3) << p->name;
    const std::vector<float> saved = p->value;
    const auto loss_at = [&](double s) {
      for (size_t i = 0; i < saved.size(); ++i) p->value[i] = saved[i] + float(s * p->gradient[i] / norm);
      p->refresh();
      ForwardCache scratch;
      return loss(scratch, nullptr);
    };
    const double h = std::clamp(0.02 / norm, 0.02, 0.3), slope = (loss_at(h) - loss_at(-h)) / (2 * h);
    p->value = saved;
    p->refresh();
    EXPECT_NEAR(slope / norm, 1.0, 0.3) << p->name << " norm " << norm << " slope " << slope;
    ++checked;
  }
  EXPECT_EQ(checked, 4);
}

}  // namespace
}  // namespace orrery
