#include "models/affinity_input.h"

#include <cstring>
#include <map>

#include "core/parallel.h"

namespace orrery {
namespace {

using Group = std::vector<int64_t>;

// Rows of [begin, end) by modality and chunk; the prologue's queries one by one.
std::vector<Group> groups_of(std::span<const Token> tokens, int64_t begin, int64_t end) {
  std::map<std::tuple<int, int, int>, Group> groups;
  for (int64_t i = begin; i < end; ++i) {
    const Token& t = tokens[size_t(i)];
    const int kind = t.kind == TokenKind::kTask ? int(TokenKind::kText) : int(t.kind);
    groups[{kind, t.chunk, t.kind == TokenKind::kPrologue ? t.index : 0}].push_back(i);
  }
  std::vector<Group> out;
  for (auto& [key, group] : groups) out.push_back(std::move(group));
  return out;
}

bool beside(const Token& a, const Token& b, const LayoutConfig& layout) {
  if (a.kind == TokenKind::kPatch) return attention_bucket(a, b, layout) != kMasked;
  return a.kind != TokenKind::kText || std::abs(a.index - b.index) <= 1;
}

// out += the mean of these rows.
void add_mean(const Rows<float>& x, const Group& rows, float* out) {
  const float share = 1.0f / float(rows.size());
  for (int64_t i : rows)
    for (int64_t j = 0; j < x.cols(); ++j) out[j] += share * x.row(i)[j];
}

}  // namespace

void affinity_input(std::span<const Token> tokens, std::span<const int64_t> sequence_begin, const LayoutConfig& layout, const Rows<float>& x, Rows<float>& out) {
  const int64_t d = x.cols();
  out.resize(x.rows(), kAffinityParts * d);
  out.zero();
  for (size_t s = 0; s + 1 < sequence_begin.size(); ++s)
    for (const Group& group : groups_of(tokens, sequence_begin[s], sequence_begin[s + 1])) {
      std::vector<float> mean(size_t(d), 0.0f);
      add_mean(x, group, mean.data());
      parallel_for(int64_t(group.size()), [&](int64_t g) {
        const int64_t i = group[size_t(g)];
        Group neighbours;
        for (int64_t k : group)
          if (beside(tokens[size_t(i)], tokens[size_t(k)], layout)) neighbours.push_back(k);
        std::memcpy(out.row(i), x.row(i), size_t(d) * sizeof(float));
        add_mean(x, neighbours, out.row(i) + d);
        std::memcpy(out.row(i) + 2 * d, mean.data(), size_t(d) * sizeof(float));
      });
    }
}

}  // namespace orrery
