#include "models/token_batch.h"

#include <algorithm>

namespace orrery {
namespace {

float* append(KindContent& content, int64_t row, int width) {
  content.rows.push_back(row);
  content.features.resize(content.features.size() + width);
  return content.features.data() + content.features.size() - width;
}

}  // namespace

std::vector<Place> places_of(const std::vector<Token>& tokens) {
  std::vector<Place> places;
  for (const Token& t : tokens) places.push_back(t.place);
  return places;
}

void TokenBatch::add(const Token& token) {
  tokens.push_back(token);
  modality.push_back(uint8_t(modality_of(token.kind)));
}

void TokenBatch::add_task(Task task) {
  task_rows.push_back(size());
  task_ids.push_back(int(task));
  add({TokenKind::kTask, kStaticChunk, 0, {}});
}

void TokenBatch::add_text(int id, int position, bool learned, std::span<const float> shift) {
  if (!shift.empty()) {
    text_shift.resize(text_rows.size() * shift.size());
    text_shift.insert(text_shift.end(), shift.begin(), shift.end());
  }
  text_rows.push_back(size());
  text_ids.push_back(id);
  text_learned.push_back(learned);
  add({TokenKind::kText, kStaticChunk, int16_t(position), {}});
}

void TokenBatch::add_prologue(std::span<const PrologueItem> written) {
  prologue_asks.push_back(next_attribute(written));
  prologue_features(written.empty() ? nullptr : &written.back(), append(prologue, size(), kPrologueFeatures));
  add({TokenKind::kPrologue, kStaticChunk, int16_t(written.size()), {}});
}

void TokenBatch::add_scene(const Scene& s) {
  for (int part = 0; part < num_static_parts(s); ++part) {
    scene_features(s, part, append(scene, size(), kSceneFeatures));
    add(scene_token(s, part));
  }
}

void TokenBatch::add_object(int object, int chunk, const ObjectChunk& content, const ObjectSpec& spec, double gravity) {
  object_features(content, spec, gravity, append(objects, size(), kObjectFeatures));
  const ObjectState& last = content.states.back();
  add({TokenKind::kObject, int16_t(chunk), int16_t(object), {last.x, last.y, true}});
  object_contents.push_back({tokens.back(), content, spec});
}

void TokenBatch::add_patch(int patch, int chunk, const float* previous, int code_dims) {
  patch_features(previous, code_dims, patch, append(patches, size(), patch_features(code_dims)));
  add({TokenKind::kPatch, int16_t(chunk), int16_t(patch), patch_place(patch)});
}

std::span<const ObjectContent> TokenBatch::objects_of(int64_t begin, int64_t end) const {
  const auto from = std::ranges::lower_bound(objects.rows, begin), to = std::ranges::lower_bound(objects.rows, end);
  return {object_contents.data() + (from - objects.rows.begin()), size_t(to - from)};
}

AttentionPlan TokenBatch::plan(const LayoutConfig& layout) const {
  AttentionPlan plan;
  for (size_t s = 0; s + 1 < sequence_begin.size(); ++s) {
    const std::span<const Token> part(tokens.data() + sequence_begin[s], size_t(sequence_begin[s + 1] - sequence_begin[s]));
    plan.add(int64_t(part.size()), int64_t(part.size()), attention_table(part, part, layout));
  }
  return plan;
}

}  // namespace orrery
