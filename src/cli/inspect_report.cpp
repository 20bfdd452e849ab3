#include "cli/inspect_report.h"

#include <algorithm>
#include <cmath>

#include "cli/inspect_figures.h"
#include "codecs/png.h"
#include "core/base64.h"

namespace orrery {
namespace {

constexpr int kPatches = (kFrameWidth / kPatch) * (kFrameHeight / kPatch);

struct Choice {
  int expert, percent;
};

// Experts by weight, heaviest first; shares of the routed part.
std::vector<Choice> choices(const Route& r) {
  double sum = 1e-9;
  for (int j = 0; j < r.count; ++j) sum += r.weight[size_t(j)];
  std::vector<Choice> out;
  for (int j = 0; j < r.count; ++j)
    out.push_back({r.expert[size_t(j)], int(std::lround(100 * r.weight[size_t(j)] / sum))});
  std::stable_sort(out.begin(), out.end(),
                   [](const Choice& a, const Choice& b) { return a.percent > b.percent; });
  return out;
}

// [domain, expert, percent, expert, percent, ...]
Json route_json(const Route& r) {
  Json out = Json::array({r.domain});
  for (const Choice& c : choices(r)) out.insert(out.end(), {c.expert, c.percent});
  return out;
}

// {name, kind, modality, layers: [route]} of each token of the pass, in order.
void append_tokens(const InspectedClip& clip, const PassTrace& pass, Json& out) {
  const std::vector<std::string> names = token_names(clip, pass.tokens);
  for (size_t i = 0; i < names.size(); ++i) {
    Json layers = Json::array();
    for (const LayerTrace& layer : pass.layers) layers.push_back(route_json(layer.routes[i]));
    const Token& t = pass.tokens[i];
    out.push_back({{"name", names[i]},
                   {"kind", token_kind_name(t.kind)},
                   {"modality", int(modality_of(t.kind))},
                   {"index", t.index},
                   {"chunk", t.chunk},
                   {"layers", layers}});
  }
}

Json tokens_json(const InspectedClip& clip, const Trace& trace) {
  Json out = Json::array();
  for (const PassTrace& pass : trace.passes) append_tokens(clip, pass, out);
  return out;
}

// A layer of a chunk: for each patch its domain, the experts and the first one's share. -2: pruned; -1: none.
Json patch_layer_json(const LayerTrace* layer) {
  std::vector<int> domain(kPatches, -2), first(kPatches, -2), second(kPatches, -2), percent(kPatches, 0);
  for (size_t i = 0; layer && i < layer->rows.size(); ++i) {
    const size_t p = size_t(layer->rows[i]);
    const std::vector<Choice> c = choices(layer->routes[i]);
    domain[p] = layer->routes[i].domain;
    first[p] = c.empty() ? -1 : c[0].expert;
    second[p] = c.size() < 2 ? -1 : c[1].expert;
    percent[p] = c.empty() ? 0 : c[0].percent;
  }
  return {{"domain", domain}, {"first", first}, {"second", second}, {"percent", percent}};
}

Json patches_json(const InspectedClip& clip, int num_layers) {
  Json out = Json::array();
  for (const PassTrace& pass : clip.pixels.passes) {
    Json layers = Json::array();
    for (size_t l = 0; l < size_t(num_layers); ++l)
      layers.push_back(patch_layer_json(l < pass.layers.size() ? &pass.layers[l] : nullptr));
    out.push_back({{"copied", pass.copied}, {"layers", layers}});
  }
  return out;
}

Json routing_of(const Inspection& in) {
  return routing_json(layer_figures({&in.clip.prologue, &in.clip.dynamics, &in.clip.pixels}, in.config),
                      in.config.router);
}

Json edits_json(const Inspection& in, bool with_paths) {
  Json out = Json::array();
  for (const VelocityEdit& e : in.edits) out.push_back(edit_json(in.clip.scene, e, with_paths));
  return out;
}

Json facts_json(const Inspection& in) {
  const InspectRequest& r = in.clip.request;
  Json objects = Json::array();
  for (int k = 0; k < int(in.clip.scene.objects.size()); ++k)
    objects.push_back(object_name(in.clip.scene, k));
  const PatchStats& p = in.clip.patches;
  return {{"prompt", r.prompt},
          {"source", in.source},
          {"seed", r.seed},
          {"temperature", r.temperature},
          {"seconds", r.chunks * kFramesPerChunk / kFramesPerSecond},
          {"model", in.model},
          {"version", ORRERY_VERSION},
          {"objects", objects},
          {"patches",
           {{"total", p.patches},
            {"copied", p.copied},
            {"pruned", p.pruned},
            {"prune_layer", in.config.prune_layer}}}};
}

}  // namespace

Json inspection_json(const Inspection& in) {
  Json out = facts_json(in);
  out["layers"] = routing_of(in);
  out["left_their_domain"] = left_tokens_json(in.clip);
  out["velocity_edits"] = edits_json(in, false);
  out["probes"] = in.probes ? probes_json(*in.probes) : Json();
  return out;
}

std::string inspection_html(const Inspection& in) {
  Json data = facts_json(in);
  const RouterConfig& r = in.config.router;
  data["config"] = {{"layers", in.config.num_layers},
                    {"heads", in.config.attention.heads},
                    {"experts", r.experts},
                    {"columns", kFrameWidth / kPatch},
                    {"rows", kFrameHeight / kPatch},
                    {"view", {kViewWidth, kViewHeight}},
                    {"frame", {kFrameWidth, kFrameHeight}},
                    {"domains", kDomainNames},
                    {"chunk_s", kFramesPerChunk / kFramesPerSecond}};
  data["layer"] = in.layer;
  data["prologue"] = tokens_json(in.clip, in.clip.prologue);
  data["dynamics"] = tokens_json(in.clip, in.clip.dynamics);
  data["pixels"] = patches_json(in.clip, in.config.num_layers);
  data["routing"] = routing_of(in);
  data["left"] = left_tokens_json(in.clip);
  data["edits"] = edits_json(in, true);
  data["probes"] = in.probes ? probes_json(*in.probes) : Json();
  data["frames"] = Json::array();
  for (const Frame& frame : in.clip.frames) data["frames"].push_back(base64(png_bytes(frame)));
  return inspection_page(data.dump());
}

}  // namespace orrery
