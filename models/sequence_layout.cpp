#include "models/sequence_layout.h"

#include <algorithm>

#include "core/scene.h"

namespace orrery {
namespace {

constexpr uint8_t kStaticBucket = 0, kPatchBucket = 6;
constexpr int kPatchColumns = kFrameWidth / 16;

uint8_t object_sees(const Token& query, const Token& key, const LayoutConfig& layout) {
  const int age = query.chunk - key.chunk;
  return age >= 0 && age < layout.window ? uint8_t(1 + age) : kMasked;
}

uint8_t patch_sees(const Token& query, const Token& key, const LayoutConfig& layout) {
  if (query.chunk != key.chunk) return kMasked;
  if (key.kind == TokenKind::kObject) return 1;
  const float dx = query.place.x - key.place.x, dy = query.place.y - key.place.y;
  return dx * dx + dy * dy <= layout.patch_radius * layout.patch_radius ? kPatchBucket : kMasked;
}

}  // namespace

bool is_text(TokenKind kind) { return kind == TokenKind::kTask || kind == TokenKind::kText; }

Domain modality_of(TokenKind kind) {
  if (is_text(kind)) return Domain::kLinguistic;
  return kind == TokenKind::kPatch ? Domain::kVisual : Domain::kPhysical;
}

uint8_t attention_bucket(const Token& query, const Token& key, const LayoutConfig& layout) {
  switch (query.kind) {
    case TokenKind::kTask:
    case TokenKind::kText:
      return is_text(key.kind) ? kStaticBucket : kMasked;
    case TokenKind::kPrologue:
      return is_text(key.kind) || (key.kind == TokenKind::kPrologue && key.index <= query.index) ? kStaticBucket : kMasked;
    case TokenKind::kScene:
      return key.kind == TokenKind::kScene ? kStaticBucket : kMasked;
    case TokenKind::kObject:
      if (key.kind == TokenKind::kScene) return kStaticBucket;
      return key.kind == TokenKind::kObject ? object_sees(query, key, layout) : kMasked;
    case TokenKind::kPatch:
      if (key.kind == TokenKind::kScene) return kStaticBucket;
      return key.kind == TokenKind::kObject || key.kind == TokenKind::kPatch ? patch_sees(query, key, layout) : kMasked;
  }
  return kMasked;
}

std::vector<Token> sorts_of_queries(std::span<const Token> queries) {
  std::vector<Token> sorts;
  for (const Token& q : queries) {
    const bool known = std::ranges::any_of(sorts, [&](const Token& s) {
      return s.kind == q.kind && s.chunk == q.chunk && (q.kind != TokenKind::kPrologue || s.index == q.index);
    });
    if (!known) sorts.push_back(q);
  }
  return sorts;
}

std::vector<uint8_t> attention_table(std::span<const Token> queries, std::span<const Token> keys, const LayoutConfig& layout) {
  std::vector<uint8_t> table;
  table.reserve(queries.size() * keys.size());
  for (const Token& q : queries)
    for (const Token& k : keys) table.push_back(attention_bucket(q, k, layout));
  return table;
}

Place patch_place(int patch) {
  const int column = patch % kPatchColumns, row = patch / kPatchColumns;
  return {float((column + 0.5) * 0.5), float(kViewHeight - (row + 0.5) * 0.5), true};
}

}  // namespace orrery
