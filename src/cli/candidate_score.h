// Which of several candidates is the best: by the physics score of what a viewer gets.
#pragma once
#include "cli/clip_output.h"

namespace orrery {

// Score, 0 to 100, of a clip encoded as it would be beside `out` and decoded again; 0 where it cannot be judged. Frames
// as the model made them will not do: between them and a clip a doubtful bounce moves by tens of points.
double candidate_score(const std::vector<Frame>& frames, const fs::path& out, const ClipOptions& options, const Provenance& provenance);

}  // namespace orrery
