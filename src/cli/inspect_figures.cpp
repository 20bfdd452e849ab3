#include "cli/inspect_figures.h"

#include <cmath>
#include <numeric>

namespace orrery {
namespace {

void add_row(const LayerTrace& trace, size_t row, const Token& token, const Route* predicted, int heads, LayerFigures& f) {
  const Route& route = trace.routes[row];
  const int modality = int(modality_of(token.kind)), kind = int(token.kind);
  for (int j = 0; j < route.count; ++j) ++f.load[size_t(route.expert[size_t(j)])];
  ++f.tokens;
  f.fallback += route.count == 0;
  if (predicted) f.predicted[size_t(modality)].add(route, *predicted);
  f.left += route.domain != modality;
  ++f.went[size_t(modality)][size_t(route.domain)];
  ++f.kind_tokens[size_t(kind)];
  for (int h = 0; h < heads; ++h)
    f.heads[size_t(kind)][size_t(h)] += trace.heads[row * size_t(heads) + size_t(h)];
}

Json domain_json(const LayerFigures& f, const RouterConfig& c, int domain) {
  const std::span<const int64_t> load =
      std::span(f.load).subspan(size_t(c.first_expert(domain)), size_t(c.experts[size_t(domain)]));
  const ExpertUse use = expert_use(load);
  Json json = {{"load", std::vector<int64_t>(load.begin(), load.end())},
               {"used", use.used},
               {"evenness", use.evenness}};
  if (const Agreement& a = f.predicted[size_t(domain)]; a.tokens)
    json["predicted"] = {{"tokens", a.tokens}, {"agreement", a.share()}, {"same_sets", a.sets()}};
  return json;
}

void collect_left(const InspectedClip& clip, const PassTrace& pass, Json& out) {
  std::vector<Json> layers(pass.tokens.size(), Json::array());
  bool any = false;
  for (size_t l = 0; l < pass.layers.size(); ++l)
    for (size_t i = 0; i < pass.layers[l].rows.size(); ++i) {
      const size_t token = size_t(pass.layers[l].rows[i]);
      const int domain = pass.layers[l].routes[i].domain;
      if (domain == int(modality_of(pass.tokens[token].kind))) continue;
      layers[token].push_back({{"layer", l}, {"domain", kDomainNames[size_t(domain)]}});
      any = true;
    }
  if (!any) return;
  const std::vector<std::string> names = token_names(clip, pass.tokens);
  for (size_t i = 0; i < names.size(); ++i)
    if (!layers[i].empty())
      out.push_back({{"token", names[i]},
                     {"kind", token_kind_name(pass.tokens[i].kind)},
                     {"modality", kDomainNames[size_t(modality_of(pass.tokens[i].kind))]},
                     {"layers", layers[i]}});
}

}  // namespace

ExpertUse expert_use(std::span<const int64_t> load) {
  const double total = double(std::accumulate(load.begin(), load.end(), int64_t(0)));
  ExpertUse use;
  if (total == 0) return use;
  double entropy = 0;
  for (int64_t n : load) {
    const double p = double(n) / total;
    use.used += p > 0.1 / double(load.size());
    if (n) entropy -= p * std::log(p);
  }
  use.used /= double(load.size());
  use.evenness = load.size() > 1 ? entropy / std::log(double(load.size())) : 1;
  return use;
}

const char* token_kind_name(TokenKind kind) {
  static constexpr std::array<const char*, kNumTokenKinds> kNames = {"task",  "text",   "prologue",
                                                                     "scene", "object", "patch"};
  return kNames[size_t(kind)];
}

std::vector<LayerFigures> layer_figures(const std::vector<const Trace*>& traces,
                                        const UnifiedTransformerConfig& config) {
  std::vector<LayerFigures> layers(size_t(config.num_layers));
  const int heads = config.attention.heads;
  for (LayerFigures& f : layers) {
    f.load.resize(size_t(config.router.num_experts()));
    for (auto& h : f.heads) h.resize(size_t(heads));
  }
  for (const Trace* trace : traces)
    for (const PassTrace& pass : trace->passes)
      for (size_t l = 0; l < pass.layers.size(); ++l)
        for (size_t i = 0; i < pass.layers[l].rows.size(); ++i) {
          const size_t token = size_t(pass.layers[l].rows[i]);
          add_row(pass.layers[l], i, pass.tokens[token], pass.predicted.empty() ? nullptr : &pass.predicted[l][token], heads, layers[l]);
        }
  for (LayerFigures& f : layers)
    for (size_t k = 0; k < f.heads.size(); ++k)
      for (double& v : f.heads[k]) v /= double(std::max<int64_t>(1, f.kind_tokens[k]));
  return layers;
}

Json routing_json(const std::vector<LayerFigures>& layers, const RouterConfig& config) {
  Json out = Json::array();
  for (const LayerFigures& f : layers) {
    Json domains, went, heads;
    for (int d = 0; d < kNumDomains; ++d) {
      domains[kDomainNames[size_t(d)]] = domain_json(f, config, d);
      went[kDomainNames[size_t(d)]] = f.went[size_t(d)];
    }
    for (int k = 0; k < kNumTokenKinds; ++k)
      if (f.kind_tokens[size_t(k)]) heads[token_kind_name(TokenKind(k))] = f.heads[size_t(k)];
    out.push_back({{"tokens", f.tokens},
                   {"fell_back", f.fallback},
                   {"left_domain", f.left},
                   {"domains", domains},
                   {"modality_to_domain", went},
                   {"head_norms", heads}});
  }
  return out;
}

Json left_tokens_json(const InspectedClip& clip) {
  Json out = Json::array();
  for (const Trace* trace : {&clip.prologue, &clip.dynamics, &clip.pixels})
    for (const PassTrace& pass : trace->passes) collect_left(clip, pass, out);
  return out;
}

}  // namespace orrery
