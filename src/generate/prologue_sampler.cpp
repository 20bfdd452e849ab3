#include "generate/prologue_sampler.h"

#include <algorithm>
#include <cmath>

#include "models/objectives.h"

namespace orrery {
namespace {

// Words decide a category: a doubt of a tenth should not become a tenth of wrong colours. Where they leave it open the
// logits are level, and a low temperature still draws from all.
constexpr double kCategoryTemperature = 0.4;  // times the asked one

int draw(const std::vector<float>& logits, double temperature, Rng& rng) {
  const auto best = std::max_element(logits.begin(), logits.end());
  if (temperature <= 0) return int(best - logits.begin());
  std::vector<double> p(logits.size());
  double sum = 0;
  for (size_t i = 0; i < p.size(); ++i) sum += p[i] = std::exp((logits[i] - *best) / temperature);
  double u = rng.uniform() * sum;
  for (size_t i = 0; i < p.size(); ++i)
    if ((u -= p[i]) < 0) return int(i);
  return int(best - logits.begin());
}

PrologueItem sample_item(const Heads& heads, const float* hidden, NextAttribute next, double temperature, Rng& rng) {
  std::vector<float> logits;
  coarse_logits(heads, hidden, next.attribute, logits);
  if (next.attribute == Attribute::kShape && next.object == kMaxObjects) return {next.attribute, next.object, int(kShapeNames.size()), 0};
  if (next.attribute == Attribute::kShape && next.object == 0) logits.pop_back();  // at least one object
  const bool category = attribute_spec(next.attribute).categories > 0;
  PrologueItem item{next.attribute, next.object, draw(logits, category ? kCategoryTemperature * temperature : temperature, rng), 0};
  if (category) return item;
  fine_logits(heads, hidden, next.attribute, item.coarse, logits);
  item.fine = draw(logits, temperature, rng);
  return item;
}

}  // namespace

Scene sample_prologue(const UnifiedTransformer& model, std::span<const int> ids, uint64_t seed, double temperature) {
  Rng rng(seed, hash64("prologue"));
  GenerationCache cache;
  Rows<float> hidden;
  TokenBatch prompt;
  prompt.add_task(Task::kGenerate);
  for (size_t i = 0; i < ids.size(); ++i) prompt.add_text(ids[i], int(i));
  model.extend(prompt, cache, true, hidden);
  std::vector<PrologueItem> items;
  for (NextAttribute next = next_attribute(items); next.attribute != Attribute::kCount; next = next_attribute(items)) {
    TokenBatch step;
    step.add_prologue(items);
    model.extend(step, cache, true, hidden);
    items.push_back(sample_item(model.heads(), hidden.row(0), next, temperature, rng));
  }
  return scene_of(items);
}

}  // namespace orrery
