#include "models/relations.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "models/feature_writer.h"

namespace orrery {
namespace {

// A patch's centre as seen from an object in one frame, in metres: in the view's axes and in the object's own.
struct Seen {
  float dx, dy, u, v, gap;
};

Seen seen_from(const ObjectState& s, const ObjectSpec& spec, const Place& patch) {
  const float dx = patch.x - s.x, dy = patch.y - s.y, c = std::cos(s.angle), n = std::sin(s.angle);
  const float u = dx * c + dy * n, v = dy * c - dx * n;
  const float reach = spec.shape == Shape::kBox ? std::max(std::abs(u), std::abs(v)) : std::hypot(dx, dy);
  return {dx, dy, u, v, reach - float(spec.size)};
}

}  // namespace

float relation_weight(const Place& patch, const ObjectContent& object) {
  float nearest = kRelationReach;
  for (const ObjectState& s : object.chunk.states) nearest = std::min(nearest, seen_from(s, object.spec, patch).gap);
  return std::clamp((kRelationReach - nearest) / kRelationFade, 0.0f, 1.0f);
}

void relation_features(const Place& patch, const ObjectContent& object, float* out) {
  FeatureWriter w{out};
  for (const ObjectState& s : object.chunk.states) {
    const Seen seen = seen_from(s, object.spec, patch);
    for (float value : {seen.dx, seen.dy, seen.u, seen.v, seen.gap}) w.put(value);
    for (float value : {seen.dx, seen.dy, seen.u, seen.v}) w.fourier(value, {0.5f, 1.0f, 2.0f});
    w.fourier(s.angle, {float(std::numbers::pi) * 2});
    w.fourier(s.angle, {float(std::numbers::pi) / 2});  // a square looks the same four times a turn
    w.put(s.contact);
  }
  w.one_hot(int(object.spec.shape), int(kShapeNames.size()));
  w.put(float(object.spec.size) * 2);
  w.one_hot(object.spec.material, int(kMaterialNames.size()));
  w.one_hot(object.spec.color, int(kColorNames.size()));
  ORRERY_ASSERT(w.n == kRelationFeatures);
}

void append_relations(std::span<const Token> tokens, int64_t first_row, std::span<const ObjectContent> objects, const LayoutConfig& layout, Relations& relations) {
  const std::vector<Token> sorts = sorts_of_queries(tokens);
  const auto sees = [&](const Token& q, const ObjectContent& object) { return q.kind == TokenKind::kPatch && attention_bucket(q, object.token, layout) != kMasked; };
  for (const ObjectContent& object : objects) {
    if (std::ranges::none_of(sorts, [&](const Token& q) { return sees(q, object); })) continue;
    for (size_t i = 0; i < tokens.size(); ++i) {
      if (!sees(tokens[i], object)) continue;
      const float weight = relation_weight(tokens[i].place, object);
      if (weight <= 0) continue;
      relations.rows.push_back(first_row + int64_t(i));
      relations.weights.push_back(weight);
      relations.features.resize(relations.features.size() + kRelationFeatures);
      relation_features(tokens[i].place, object, &relations.features[relations.features.size() - kRelationFeatures]);
    }
  }
}

}  // namespace orrery
