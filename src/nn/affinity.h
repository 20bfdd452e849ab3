// Expert affinity predictor: from what a token brings to the stack, and what stands around it in the sequence,
// which experts every layer's router will pick.
// It has parameters of its own, fitted to a model that stays as it is, and is used to group tokens by expert
// before the pass; the routers decide, and judge it.
#pragma once
#include <memory>

#include "nn/linear.h"
#include "nn/norm.h"
#include "nn/router.h"

namespace orrery {

class AffinityPredictor {
 public:
  AffinityPredictor() = default;  // absent
  AffinityPredictor(int d, int hidden, int layers, const RouterConfig& router, Rng& rng);
  // The tensors `affinity.*` of a file; absent if it has none. Error if they are of another model.
  static AffinityPredictor load(const SafetensorsFile& file, int d, int layers, const RouterConfig& router);
  void save(SafetensorsWriter& writer) const;  // nothing if absent
  explicit operator bool() const { return parts_ != nullptr; }
  ParameterList& parameters() { return parts_->list; }
  int64_t size() const { return parts_ ? parts_->list.total_size() : 0; }

  // x [t, d]; predicted[layer][t]: the token's modality as domain and the k most likely experts of it, weight
  // 0. top_k 0: the router's.
  void predict(const Rows<float>& x, const std::vector<uint8_t>& modality, int top_k,
               std::vector<std::vector<Route>>& predicted) const;
  // Mean cross-entropy of the softmax over a domain's experts against the chosen ones, evenly weighted, over
  // tokens and layers that stayed in their modality's domain and chose; gradients are added.
  // routes[layer][t].
  double fit(const Rows<float>& x, const std::vector<uint8_t>& modality,
             const std::vector<std::vector<Route>>& routes);

 private:
  struct Cache {
    Rows<bf16> half;
    std::vector<float> rms;
    FeatureMlp::Cache map;
    Rows<float> logits;  // [t, layers * experts]
  };
  struct Parts {  // behind a pointer: the list points into it
    RouterConfig router;
    int layers = 0;
    RmsNorm norm;
    FeatureMlp map;  // d -> hidden -> layers * experts
    ParameterList list;
  };
  void logits(const Rows<float>& x, Cache& cache) const;
  std::unique_ptr<Parts> parts_;
};

// How much of what the routers chose was guessed: of one layer and domain.
struct Agreement {
  int64_t tokens = 0, choices = 0, guessed = 0, same_sets = 0;
  void add(const Route& chosen, const Route& predicted);
  double share() const { return choices ? double(guessed) / double(choices) : 0; }
  double sets() const { return tokens ? double(same_sets) / double(tokens) : 0; }
};

}  // namespace orrery
