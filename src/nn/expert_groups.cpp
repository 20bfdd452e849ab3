// Which rows belong to which expert: from the routes, or from a plan made before they were known.
#include "nn/experts.h"

namespace orrery {
namespace {

constexpr int32_t kFree = -1;

int choice_of(const Route& route, int expert) {
  for (int j = 0; j < route.count; ++j)
    if (route.expert[j] == expert && route.weight[j] >= 0) return j;
  return -1;
}

}  // namespace

void group_by_expert(int num_experts, const std::vector<Route>& routes, ExpertGroups& g) {
  g.expert_rows.assign(num_experts, 0);
  for (const Route& r : routes)
    for (int j = 0; j < r.count; ++j) g.expert_rows[r.expert[j]] += r.weight[j] >= 0;
  g.expert_begin.assign(num_experts + 1, 0);
  for (int e = 0; e < num_experts; ++e)
    g.expert_begin[e + 1] = g.expert_begin[e] + row_bucket(g.expert_rows[e]);
  g.row_slot.assign(g.expert_begin[num_experts], kFree);
  std::vector<int64_t> next(g.expert_begin.begin(), g.expert_begin.end() - 1);
  for (size_t t = 0; t < routes.size(); ++t)
    for (int j = 0; j < routes[t].count; ++j)
      if (routes[t].weight[j] >= 0) g.row_slot[next[routes[t].expert[j]]++] = int32_t(t) * kMaxTopK + j;
}

bool correct_groups(const ExpertGroups& planned, const std::vector<Route>& routes, ExpertGroups& g) {
  const int experts = int(planned.expert_begin.size()) - 1;
  g.expert_begin = planned.expert_begin;
  g.expert_rows.assign(size_t(experts), 0);
  g.row_slot.assign(planned.row_slot.size(), kFree);
  std::vector<uint8_t> placed(routes.size() * kMaxTopK, 0);
  for (int e = 0; e < experts; ++e)
    for (int64_t r = g.expert_begin[e]; r < g.expert_begin[e + 1]; ++r) {
      if (planned.row_slot[r] == kFree) continue;
      const int32_t t = planned.row_slot[r] / kMaxTopK;
      const int j = choice_of(routes[size_t(t)], e);
      if (j < 0) continue;
      g.row_slot[r] = t * kMaxTopK + j;
      placed[size_t(g.row_slot[r])] = 1;
      ++g.expert_rows[e];
    }
  std::vector<int64_t> next(g.expert_begin.begin(), g.expert_begin.end() - 1);
  for (size_t t = 0; t < routes.size(); ++t)
    for (int j = 0; j < routes[t].count; ++j) {
      if (placed[t * kMaxTopK + size_t(j)] || routes[t].weight[j] < 0) continue;
      const int e = routes[t].expert[j];
      while (next[e] < g.expert_begin[e + 1] && g.row_slot[next[e]] != kFree) ++next[e];
      if (next[e] == g.expert_begin[e + 1]) return false;
      g.row_slot[next[e]] = int32_t(t) * kMaxTopK + j;
      ++g.expert_rows[e];
    }
  return true;
}

}  // namespace orrery
