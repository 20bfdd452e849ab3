#include "generate/prologue_sampler.h"

#include <algorithm>
#include <cmath>

#include "generate/effort.h"
#include "models/objectives.h"

namespace orrery {
namespace {

// Words decide a category: a doubt of a tenth should not become a tenth of wrong colours. Where they leave it open the
// logits are level, and a low temperature still draws from all.
constexpr double kCategoryTemperature = 0.2;  // times the asked one

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

// A scene that is being written.
struct Unfinished {
  explicit Unfinished(const PrologueRequest& r) : temperature(r.temperature), rng(r.seed, hash64("prologue")) { cache.trace = r.trace; }
  double temperature;
  Rng rng;
  GenerationCache cache;
  std::vector<PrologueItem> items;
};

std::vector<GenerationCache*> caches_of(const std::vector<Unfinished*>& clips) {
  std::vector<GenerationCache*> caches;
  for (Unfinished* clip : clips) caches.push_back(&clip->cache);
  return caches;
}

}  // namespace

Scene sample_prologue(const UnifiedTransformer& model, std::span<const int> ids, uint64_t seed, double temperature) {
  const PrologueRequest one{{ids.begin(), ids.end()}, seed, temperature};
  return std::move(sample_prologues(model, {&one, 1}).front());
}

std::vector<Scene> sample_prologues(const UnifiedTransformer& model, std::span<const PrologueRequest> requests) {
  std::vector<Unfinished> clips;
  TokenBatch prompts;
  for (const PrologueRequest& r : requests) {
    clips.emplace_back(r);
    prompts.add_task(Task::kGenerate);
    for (size_t i = 0; i < r.ids.size(); ++i) prompts.add_text(r.ids[i], int(i));
    prompts.end_sequence();
  }
  std::vector<Unfinished*> open;
  for (Unfinished& clip : clips) open.push_back(&clip);
  Rows<float> hidden;
  RoutingOptions routing;
  routing.head_threshold = kHeadThreshold;
  model.extend(prompts, caches_of(open), true, hidden, routing);
  while (!open.empty()) {
    TokenBatch step;
    for (Unfinished* clip : open) {
      step.add_prologue(clip->items);
      step.end_sequence();
    }
    model.extend(step, caches_of(open), true, hidden, routing);
    for (size_t i = 0; i < open.size(); ++i)
      open[i]->items.push_back(sample_item(model.heads(), hidden.row(int64_t(i)), next_attribute(open[i]->items), open[i]->temperature, open[i]->rng));
    std::erase_if(open, [](const Unfinished* clip) { return next_attribute(clip->items).attribute == Attribute::kCount; });
  }
  std::vector<Scene> scenes;
  for (const Unfinished& clip : clips) scenes.push_back(scene_of(clip.items));
  return scenes;
}

}  // namespace orrery
