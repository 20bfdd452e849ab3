#include "data/caption_noise.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "world/lexicon.h"

namespace orrery {
namespace {

constexpr double kFillerShare = 0.35, kShuffledShare = 0.15, kCommaShare = 0.2;  // of captions
constexpr double kStandInShare = 0.12;  // of words that have one
constexpr float kSameMeaning = 0.85f;   // cosine
constexpr float kNearby = 0.45f;        // cosine: nearer words may mean what a taught one means
constexpr double kFarthestShift = 0.7;  // of a unit vector; held-out synonyms lie 0.5 to 0.9 from their word

float dot(std::span<const float> a, std::span<const float> b) {
  float sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// Ids of the words of the held-out phrases.
std::set<int> held_out_words(const TextTokenizer& text) {
  std::set<int> ids;
  for (const std::string& phrase : lexicon_phrases(true))
    for (int id : text.encode(phrase, 1000)) ids.insert(id);
  return ids;
}

std::vector<float> random_shift(double length, Rng& rng) {
  std::vector<float> shift(kTextVectorSize);
  for (float& v : shift) v = float(rng.normal() * length / std::sqrt(double(kTextVectorSize)));
  return shift;
}

}  // namespace

CaptionNoise::CaptionNoise(const TextTokenizer& text, double amount) : text_(text), amount_(amount), comma_(text.id_of(",")) {
  std::vector<int> taught;
  for (const std::string& word : text.taught_words()) taught.push_back(text.id_of(word));
  for (int id = 0; id < text.vocabulary_size(); ++id) {
    const auto own = text.vector(id);
    if (dot(own, own) < 0.5f || !begins_word(id) || text.is_known_concept(text.token(id))) continue;
    if (std::none_of(taught.begin(), taught.end(), [&](int other) { return dot(own, text.vector(other)) > kNearby; }))
      fillers_.push_back(id);
  }
  find_stand_ins(taught);
}

void CaptionNoise::find_stand_ins(const std::vector<int>& taught) {
  const std::set<int> known(taught.begin(), taught.end()), held_out = held_out_words(text_);
  for (int id = 0; id < text_.vocabulary_size(); ++id) {
    if (!begins_word(id) || known.contains(id) || held_out.contains(id) || !text_.is_known_concept(text_.token(id))) continue;
    const auto own = text_.vector(id);
    const auto closeness = [&](int other) { return dot(own, text_.vector(other)); };
    const int nearest = *std::max_element(taught.begin(), taught.end(), [&](int a, int b) { return closeness(a) < closeness(b); });
    if (closeness(nearest) >= kSameMeaning) stand_ins_[nearest].push_back(id);
  }
}

// "falls quickly, a red ball": two to four parts in another order.
void CaptionNoise::shuffle_parts(std::vector<int>& ids, Rng& rng) const {
  std::vector<size_t> cuts = {0};
  for (int i = 0; i < 3; ++i) {
    size_t cut = size_t(rng.below(int(ids.size())));
    while (cut > 0 && !begins_word(ids[cut])) --cut;
    cuts.push_back(cut);
  }
  std::sort(cuts.begin(), cuts.end());
  cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
  for (size_t i = cuts.size(); i > 1; --i) {
    // Parts change places by rotation: part i - 1 goes in front of a random one before it.
    const size_t front = cuts[size_t(rng.below(int(i)))], begin = cuts[i - 1], end = i < cuts.size() ? cuts[i] : ids.size();
    std::rotate(ids.begin() + int64_t(front), ids.begin() + int64_t(begin), ids.begin() + int64_t(end));
  }
}

// "a ball, blue rolls": people set marks where they like, and what follows is the same object still.
void CaptionNoise::add_comma(std::vector<int>& ids, Rng& rng) const {
  if (ids.size() >= size_t(kMaxTextTokens)) return;
  const size_t at = size_t(rng.below(int(ids.size())));
  if (at > 0 && begins_word(ids[at])) ids.insert(ids.begin() + int64_t(at), comma_);
}

// One or two runs of up to five words that have nothing to do with the scene.
void CaptionNoise::add_fillers(std::vector<int>& ids, Rng& rng) const {
  if (fillers_.empty()) return;
  for (int runs = 1 + rng.below(2); runs > 0; --runs) {
    std::vector<int> run;
    for (int n = 1 + rng.below(5); n > 0; --n) run.push_back(fillers_[size_t(rng.below(int(fillers_.size())))]);
    if (ids.size() + run.size() > size_t(kMaxTextTokens)) return;
    const double where = rng.uniform();
    size_t at = where < 0.3 ? 0 : where < 0.6 ? ids.size() : size_t(rng.below(int(ids.size())));
    while (at > 0 && at < ids.size() && !begins_word(ids[at])) --at;
    ids.insert(ids.begin() + int64_t(at), run.begin(), run.end());
  }
}

std::vector<CaptionToken> CaptionNoise::apply(std::string_view caption, bool one_object, double word_dropout, Rng& rng) const {
  std::vector<int> ids = text_.encode(caption, 1000);
  ids.resize(std::min<size_t>(ids.size(), kMaxTextTokens));
  if (one_object && rng.chance(kShuffledShare * amount_)) shuffle_parts(ids, rng);
  if (one_object && rng.chance(kCommaShare * amount_)) add_comma(ids, rng);
  if (rng.chance(kFillerShare * amount_)) add_fillers(ids, rng);
  std::vector<CaptionToken> tokens;
  for (int id : ids) {
    CaptionToken& token = tokens.emplace_back();
    const auto others = stand_ins_.find(id);
    const bool stood_in = others != stand_ins_.end() && rng.chance(kStandInShare * amount_);
    token.id = stood_in ? others->second[size_t(rng.below(int(others->second.size())))] : id;
    token.learned = !rng.chance(word_dropout) && !stood_in;
    const auto own = text_.vector(token.id);
    if (!token.learned && dot(own, own) > 0) token.shift = random_shift(kFarthestShift * rng.uniform(), rng);
  }
  return tokens;
}

}  // namespace orrery
