#include "physics_eval/assignment.h"

#include <algorithm>
#include <limits>

namespace orrery::physics_eval {
namespace {

// Rows <= columns. p[j]: the row matched to column j (1-based, 0: none).
std::vector<int> solve_wide(const std::vector<std::vector<double>>& cost, int rows, int columns) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  std::vector<double> u(rows + 1), v(columns + 1);
  std::vector<int> p(columns + 1), way(columns + 1);
  for (int i = 1; i <= rows; ++i) {
    p[0] = i;
    int j0 = 0;
    std::vector<double> least(columns + 1, kInfinity);
    std::vector<bool> used(columns + 1);
    do {
      used[j0] = true;
      double delta = kInfinity;
      int j1 = 0;
      for (int j = 1; j <= columns; ++j) {
        if (used[j]) continue;
        const double reduced = cost[p[j0] - 1][j - 1] - u[p[j0]] - v[j];
        if (reduced < least[j]) least[j] = reduced, way[j] = j0;
        if (least[j] < delta) delta = least[j], j1 = j;
      }
      for (int j = 0; j <= columns; ++j)
        if (used[j]) u[p[j]] += delta, v[j] -= delta;
        else least[j] -= delta;
      j0 = j1;
    } while (p[j0] != 0);
    for (; j0; j0 = way[j0]) p[j0] = p[way[j0]];
  }
  return p;
}

}  // namespace

std::vector<int> assign(const std::vector<std::vector<double>>& cost) {
  const int rows = int(cost.size()), columns = rows ? int(cost[0].size()) : 0;
  std::vector<int> out(rows, -1);
  if (rows == 0 || columns == 0) return out;
  // Square with forbidden fill: any row may stay alone.
  const int n = std::max(rows, columns);
  std::vector<std::vector<double>> square(n, std::vector<double>(n, kForbidden));
  for (int i = 0; i < rows; ++i) std::copy(cost[i].begin(), cost[i].end(), square[i].begin());
  const std::vector<int> p = solve_wide(square, n, n);
  for (int j = 1; j <= columns; ++j)
    if (p[j] >= 1 && p[j] <= rows && cost[p[j] - 1][j - 1] < kForbidden) out[p[j] - 1] = j - 1;
  return out;
}

}  // namespace orrery::physics_eval
