#include "cli/commands.h"

namespace orrery {

std::vector<Command> commands() {
  return {
      {"render", "a sentence becomes a clip", setup_render},
      {"score", "is what moves in these clips physically consistent?", setup_score},
      {"compare", "two clips, or two folders of clips: PSNR, SSIM, Physics-IQ, Frechet distance", setup_compare},
      {"info", "the model, this machine, and what the model knows", setup_info},
#ifdef ORRERY_WORLD
      {"synth", "clips from the simulator: shards for training, or videos to look at", setup_synth},
      {"train", "train the video tokenizer or the transformer", setup_train},
#endif
  };
}

}  // namespace orrery
