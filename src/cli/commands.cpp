#include "cli/commands.h"

namespace orrery {

std::vector<Command> commands() {
  return {
      {"render", "a sentence becomes a clip", setup_render},
      {"batch", "many sentences become a folder of clips", setup_batch},
      {"score", "is what moves in these clips physically consistent?", setup_score},
      {"compare", "two clips, or two folders of clips: PSNR, SSIM, Physics-IQ, Frechet distance", setup_compare},
      {"verify", "where do these clips come from? metadata, watermark, and whether they agree", setup_verify},
      {"replay", "make a clip again from its metadata alone", setup_replay},
      {"quantize", "weights in int8 or int4: smaller files", setup_quantize},
      {"inspect", "what the model decided on the way to a clip, as a page to look at", setup_inspect},
      {"info", "the model, this machine, and what the model knows", setup_info},
#ifdef ORRERY_WORLD
      {"benchmark", "scores by law for any generator of clips; or for any scorer, what it sees", setup_benchmark},
      {"synth", "clips from the simulator: shards for training, or videos to look at", setup_synth},
      {"train", "train the video tokenizer or the transformer", setup_train},
#endif
  };
}

}  // namespace orrery
