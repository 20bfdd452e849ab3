#include "cli/candidate_score.h"

#include "codecs/decoder.h"
#include "core/files.h"
#include "physics_eval/evaluate.h"

namespace orrery {

double candidate_score(const std::vector<Frame>& frames, const fs::path& out, const ClipOptions& options, const Provenance& provenance) {
  const AtomicPath scratch(out);  // never committed
  {
    ClipOutput output(scratch.temporary(), "", options, provenance);
    for (const Frame& frame : frames) output.write(frame);
    output.finish();
  }
  return physics_eval::evaluate(*open_decoder(scratch.temporary())).score.value_or(0);
}

}  // namespace orrery
