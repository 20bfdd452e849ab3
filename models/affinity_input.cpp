#include "models/affinity_input.h"

#include <cmath>
#include <cstring>
#include <map>

#include "core/parallel.h"

namespace orrery {
namespace {

using Group = std::vector<int64_t>;

// Tokens that say something of each other as a whole: the sentence with its prologue, else what is of one kind and chunk.
std::pair<int, int> group_of(const Token& t) {
  if (is_text(t.kind) || t.kind == TokenKind::kPrologue) return {int(TokenKind::kText), 0};
  return {int(t.kind), t.chunk};
}

struct Around {
  Group before, beside, group;
};

Around around(std::span<const Token> tokens, int64_t i, const std::map<std::pair<int, int>, Group>& groups, const LayoutConfig& layout) {
  const Token& token = tokens[size_t(i)];
  Around a;
  static const Group kNone;
  const auto others = [&](std::pair<int, int> key) -> const Group& {
    const auto found = groups.find(key);
    return found == groups.end() ? kNone : found->second;
  };
  for (int64_t k : others(group_of(token))) {
    const Token& other = tokens[size_t(k)];
    switch (token.kind) {
      case TokenKind::kTask:
      case TokenKind::kText:
        if (!is_text(other.kind)) continue;
        if (k != i) (k < i ? a.before : a.beside).push_back(k);
        break;
      case TokenKind::kPrologue:
        if (!is_text(other.kind)) {
          if (other.index == token.index - 1) a.before.push_back(k);
          continue;
        }
        break;
      case TokenKind::kPatch:
        if (k != i && attention_bucket(token, other, layout) != kMasked) (k < i ? a.before : a.beside).push_back(k);
        break;
      default:
        if (k != i) a.beside.push_back(k);
    }
    a.group.push_back(k);
  }
  if (token.kind == TokenKind::kObject) {
    for (int64_t k : others({int(TokenKind::kObject), token.chunk - 1}))
      if (tokens[size_t(k)].index == token.index) a.before.push_back(k);
    for (int64_t k : others({int(TokenKind::kScene), kStaticChunk})) a.beside.push_back(k);
  }
  return a;
}

// out += the mean of these rows, each weighted; nothing if there are none.
template <class Weight>
void add_mean(std::span<const float* const> x, int64_t d, const Group& rows, float* out, Weight&& weight) {
  float sum = 0;
  for (int64_t i : rows) sum += weight(i);
  for (int64_t i : rows) {
    const float share = weight(i) / sum;
    for (int64_t j = 0; j < d; ++j) out[j] += share * x[size_t(i)][j];
  }
}

float alike(int64_t) { return 1; }

}  // namespace

void affinity_input(std::span<const Token> tokens, std::span<const float* const> x, int64_t d, int64_t first, const LayoutConfig& layout, Rows<float>& out, int64_t out_row) {
  std::map<std::pair<int, int>, Group> groups;
  for (size_t i = 0; i < tokens.size(); ++i) groups[group_of(tokens[i])].push_back(int64_t(i));
  parallel_for(int64_t(tokens.size()) - first, [&](int64_t n) {
    const int64_t i = first + n;
    float* row = out.row(out_row + n);
    std::fill_n(row, kAffinityParts * d, 0.0f);
    const Around a = around(tokens, i, groups, layout);
    std::memcpy(row, x[size_t(i)], size_t(d) * sizeof(float));
    const bool words = is_text(tokens[size_t(i)].kind);
    const auto nearness = [&](int64_t k) { return words ? std::exp2(-float(std::abs(k - i))) : 1.0f; };
    add_mean(x, d, a.before, row + d, nearness);
    add_mean(x, d, a.beside, row + 2 * d, nearness);
    add_mean(x, d, a.group, row + 3 * d, alike);
  });
}

}  // namespace orrery
