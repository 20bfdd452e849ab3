// What a recorded generation says in figures: experts in use, tokens that left their modality's domain,
// heads.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "cli/inspect_clip.h"
#include "nn/affinity.h"

namespace orrery {

struct ExpertUse {
  double used = 0;      // share of the experts with over a tenth of an even share
  double evenness = 0;  // entropy of the load over its maximum; 0 without load
};
ExpertUse expert_use(std::span<const int64_t> load);

inline constexpr int kNumTokenKinds = 6;
const char* token_kind_name(TokenKind kind);

// Of one layer, over all tokens that reached it.
struct LayerFigures {
  std::vector<int64_t> load;  // [experts]: times chosen
  int64_t tokens = 0, fallback = 0, left = 0;
  std::array<std::array<int64_t, kNumDomains>, kNumDomains> went{};  // [modality][domain]
  std::array<int64_t, kNumTokenKinds> kind_tokens{};
  std::array<Agreement, kNumDomains> predicted;  // a modality: what the affinity predictor guessed of it
  std::array<std::vector<double>, kNumTokenKinds> heads;  // [kind][head]: mean norm of what the head adds
};

// Every call of extend() for the clip, layer by layer.
std::vector<LayerFigures> layer_figures(const std::vector<const Trace*>& traces,
                                        const UnifiedTransformerConfig& config);

// {"layers": [...], "patches": ...}: the machine-readable form of the above.
Json routing_json(const std::vector<LayerFigures>& layers, const RouterConfig& config);

// Tokens that went to another domain than their modality's in some layer: [{token, kind, modality, layers:
// [{layer, domain}]}].
Json left_tokens_json(const InspectedClip& clip);

}  // namespace orrery
