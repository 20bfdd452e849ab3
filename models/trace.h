// What a generation decided, layer by layer, for whoever wants to look. Recording changes no result: it
// copies what UnifiedTransformer::extend computed anyway.
#pragma once
#include <cstdint>
#include <vector>

#include "models/sequence_layout.h"
#include "nn/mla.h"
#include "nn/router.h"

namespace orrery {

// One layer of one pass. Pruned tokens have no row.
struct LayerTrace {
  std::vector<int32_t> rows;  // index of each row's token in the pass, ascending
  std::vector<Route> routes;  // [rows]
  std::vector<float> heads;   // [rows][heads]: norm of what a head added to the residual
};

// One call of extend(), as one sequence saw it.
struct PassTrace {
  std::vector<Token> tokens;
  std::vector<LayerTrace> layers;
  std::vector<std::vector<Route>> predicted;  // [layer][token]: experts as the affinity predictor guesses; empty without one
  std::vector<uint8_t> copied;  // of patches: the gate kept the code of the chunk before (see generate_codes)
};

struct Trace {
  std::vector<PassTrace> passes;  // in the order of generation
};

// Rows [begin, begin + rows.size()) of what a layer has just computed. attended [t, heads * value] in f32.
LayerTrace trace_layer(const MlaLayer& attention, const Rows<float>& attended,
                       const std::vector<Route>& routes, int64_t begin, std::vector<int32_t> rows);

}  // namespace orrery
