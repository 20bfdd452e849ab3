#include "train/transformer_trainer.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <regex>

#include "core/error.h"
#include "core/files.h"
#include "core/parallel.h"
#include "models/rollout.h"

namespace orrery {
namespace {

UnifiedTransformerConfig fitted(UnifiedTransformerConfig model, const TextTokenizer& text, const VideoTokenizer* video) {
  model.vocabulary_size = text.vocabulary_size();
  model.text_vector_dim = kTextVectorSize;
  model.max_text_tokens = kMaxTextTokens;
  if (video) model.code_dims = video->dims(), model.code_levels = video->levels();
  return model;
}

std::unique_ptr<VideoTokenizer> load_video(const std::string& path) {
  return path.empty() ? nullptr : VideoTokenizer::load(path);
}

ParameterList choose_trainable(UnifiedTransformer& model, const std::string& pattern) {
  ParameterList chosen;
  try {
    chosen = model.parameters().matching(pattern);
  } catch (const std::regex_error& error) {
    fail("training config: trainable: \"{}\" is not a regular expression: {}", pattern, error.what());
  }
  if (chosen.all().empty()) fail("training config: trainable: no parameter's name matches \"{}\"", pattern);
  return chosen;
}

// A domain's row of a layer's head gates; empty where heads have none.
std::span<float> head_gates_of(TransformerLayer& layer, int domain) {
  HeadGates& gates = layer.attention.gates;
  if (!gates.domains) return {};
  return {gates.logit.value.data() + size_t(domain) * size_t(gates.heads), size_t(gates.heads)};
}

// Objects far out of the view, and predictions that left the truth, teach nothing.
float state_weight(const ObjectChunk& input, const ObjectChunk& reference, double max_error) {
  const ObjectState &a = input.states.back(), &b = reference.states.back();
  if (b.x < -0.8f || b.x > float(kViewWidth) + 0.8f || b.y > float(kViewHeight) + 2.5f) return 0;
  if (std::hypot(a.x - b.x, a.y - b.y) > max_error || std::hypot(a.vx - b.vx, a.vy - b.vy) > 6 * max_error) return 0;
  return 1;
}

}  // namespace

TransformerTrainer::TransformerTrainer(const TransformerTrainConfig& config)
    : config_(config), text_(TextTokenizer::load_shipped()), caption_noise_(text_), video_(load_video(config.tokenizer)),
      model_(fitted(config.model, text_, video_.get()), text_.vectors(), config.seed), trainable_(choose_trainable(model_, config.trainable)),
      optimizer_(trainable_, config.optimizer),
      dataset_(config.seed, Split::kTrain, config.clip_frames) {
  config_.model = model_.config();
  state_.config = config_.to_json();
  choose_muon();
}

void TransformerTrainer::choose_muon() {
  if (!config_.muon) return;
  // Matrices inside the layers; embeddings, heads, routers and biases keep AdamW.
  for (const Parameter* p : trainable_.all())
    if (p->name.starts_with("layer.") && p->shape.size() == 2 && !p->name.ends_with("_bias") && !p->name.ends_with("_gates") &&
        p->name.find(".router.") == std::string::npos)
      optimizer_.use_muon(*p);
}

const TrainPhase& TransformerTrainer::phase() const {
  const double progress = config_.schedule.progress(state_.step, state_.seconds);
  for (const TrainPhase& p : config_.phases)
    if (progress < p.until) return p;
  return config_.phases.back();
}

// The first chunk, which has nothing before it, more often than its share.
int TransformerTrainer::pixel_chunk(const Trajectory& trajectory, Rng& rng) const {
  if (rng.chance(0.15)) return 0;
  const int chunks = (config_.clip_frames - 1) / kFramesPerChunk;
  if (!rng.chance(config_.struck_share)) return rng.below(chunks);
  std::vector<int> with_a_blow;
  for (int c = 0; c < chunks; ++c)
    for (int k = 0; k < trajectory.num_objects; ++k)
      if (struck(trajectory, k, c)) {
        with_a_blow.push_back(c);
        break;
      }
  return with_a_blow.empty() ? rng.below(chunks) : with_a_blow[size_t(rng.below(int(with_a_blow.size())))];
}

PixelSample TransformerTrainer::make_pixel(int64_t index) const {
  Rng rng(config_.seed, hash64("pixel") + uint64_t(index));
  const DatasetClip clip = dataset_.variant(rng.below(int(std::min<int64_t>(dataset_.size(), config_.scenes))), rng);
  return make_pixel_sample(clip, pixel_chunk(clip.trajectory, rng), *video_);
}

// Sample n of the stream sits at n modulo the pool's size; after s steps with pixels the latest are there.
void TransformerTrainer::refill_pixels(const TrainPhase& phase) {
  if (phase.pixels == 0) return;
  if (!video_) fail("training config: a phase with pixels needs `tokenizer`, the video tokenizer's weights");
  const int64_t wanted = config_.pixel_pool + pixel_steps_ * config_.pixels_new_per_step;
  pool_.resize(config_.pixel_pool);
  const int64_t first = std::max(pool_made_, wanted - config_.pixel_pool);
  for (int64_t n = first; n < wanted; ++n) pool_[n % config_.pixel_pool] = make_pixel(n);
  pool_made_ = wanted;
  ++pixel_steps_;
}

void TransformerTrainer::own_predictions(const TrainPhase& phase, std::vector<StateWindow>& windows, Rng& rng) {
  if (phase.own_passes == 0 || windows.empty()) return;
  // A part of the windows keeps the truth; pass p makes chunk c depend on predictions up to p chunks deep.
  const size_t own = windows.size() * 2 / 3;
  const int passes = 1 + rng.below(phase.own_passes);
  for (int pass = 0; pass < passes; ++pass) {
    TokenBatch batch;
    for (size_t w = 0; w < own; ++w) add_state_sequence(windows[w], batch);
    model_.forward(batch, {}, own_cache_);
    Rows<float> outputs;
    object_outputs(model_.heads(), gather_rows(own_cache_.hidden, batch.objects.rows), outputs);
    int64_t row = 0;
    for (size_t w = 0; w < own; ++w) {
      StateWindow& window = windows[w];
      const auto before = window.input;
      for (size_t c = 0; c < before.size(); ++c)
        for (size_t k = 0; k < before[c].size(); ++k, ++row) {
          if (c + 1 == before.size()) continue;
          ObjectChunk next = advance(before[c][k], outputs.row(row));
          const ObjectChunk& old = before[c + 1][k];
          next.pushed = old.pushed, next.jx = old.jx, next.jy = old.jy, next.px = old.px, next.py = old.py, next.push_offset = old.push_offset;
          if (state_weight(next, window.truth[c][k], config_.max_own_error) > 0) window.input[c + 1][k] = next;
        }
    }
  }
}

void TransformerTrainer::state_targets(const std::vector<StateWindow>& windows) {
  std::vector<float> targets;
  state_weights_.clear();
  for (const StateWindow& w : windows)
    for (size_t c = 0; c < w.input.size(); ++c)
      for (size_t k = 0; k < w.input[c].size(); ++k) {
        targets.resize(targets.size() + kObjectOutputs);
        residual_targets(w.input[c][k], w.truth[c][k], targets.data() + targets.size() - kObjectOutputs);
        state_weights_.push_back(state_weight(w.input[c][k], c ? w.truth[c - 1][k] : w.input[c][k], 1e9));
      }
  // Pixel sequences carry object tokens too; nothing is predicted from them.
  const int64_t n = batch_.objects.count();
  state_weights_.resize(n, 0.0f);
  state_targets_.resize(n, kObjectOutputs);
  state_targets_.zero();
  if (!targets.empty()) std::memcpy(state_targets_.data(), targets.data(), targets.size() * sizeof(float));
}

void TransformerTrainer::build_batch(const TrainPhase& phase, Rng& rng) {
  dataset_.grow_to(std::min<int64_t>(config_.scenes + state_.step * config_.scenes_per_step, config_.max_scenes));
  refill_pixels(phase);
  std::vector<StateWindow> windows(phase.windows);
  const uint64_t key = rng.next();
  parallel_for(phase.windows, [&](int64_t i) {
    Rng own(key, uint64_t(i));
    windows[i] = make_state_window(dataset_.variant(own.below(int(dataset_.size())), own), config_.window_chunks, own);
    add_state_noise(windows[i], phase.state_noise, own);
  });
  own_predictions(phase, windows, rng);
  batch_ = {};
  prologue_targets_.clear();
  patch_targets_ = {};
  for (const StateWindow& w : windows) add_state_sequence(w, batch_);
  for (int i = 0; i < phase.prologues; ++i)
    add_prologue_sequence(dataset_.variant(rng.below(int(dataset_.size())), rng), caption_noise_, config_.word_dropout, rng, batch_, prologue_targets_);
  for (int i = 0; i < phase.pixels; ++i)
    add_pixel_sequence(pool_[rng.below(config_.pixel_pool)], config_.patches_per_sample, video_->dims(), video_->levels(), rng, batch_, patch_targets_, config_.picture_weight > 0 ? config_.picture_side : 0);
  state_targets(windows);
}

void TransformerTrainer::move_router_bias(const std::vector<RoutingStats>& stats) {
  const double progress = config_.schedule.progress(state_.step, state_.seconds);
  const double rate = config_.bias_rate * (1 - 0.9 * std::min(1.0, progress));
  for (size_t l = 0; l < stats.size(); ++l) update_router_bias(model_.layers()[l].ffn.router, stats[l].load, rate);
}

void TransformerTrainer::hold_routing() {
  const bool first_time = held_.empty();
  held_.resize(model_.layers().size());
  for (size_t l = 0; l < held_.size(); ++l) {
    RouterState& router = model_.layers()[l].ffn.router;
    Parameter& gate = router.gate.weight;
    size_t at = 0;
    const auto hold = [&](float& value) {
      if (first_time) held_[l].push_back(value);
      else value = held_[l][at++];
    };
    for (const std::string& name : config_.frozen_routing) {
      const int domain = domain_named(name);
      const int first = router.config.first_expert(domain), end = first + router.config.experts[domain];
      const int64_t d = gate.shape[1];
      std::for_each(gate.value.data() + (kNumDomains + first) * d, gate.value.data() + (kNumDomains + end) * d, hold);
      std::for_each(router.bias.data() + first, router.bias.data() + end, hold);
      std::ranges::for_each(head_gates_of(model_.layers()[l], domain), hold);
    }
    if (!first_time) gate.refresh();
  }
}

void TransformerTrainer::reopen_heads() {
  for (const std::string& name : config_.reopened_heads)
    for (TransformerLayer& layer : model_.layers())
      for (float& logit : head_gates_of(layer, domain_named(name))) logit = std::max(logit, 0.0f);
}

LossSums TransformerTrainer::patches_step(ReconstructionError& error) {
  if (patch_targets_.pixels.empty())
    return patch_objective(model_, batch_, patch_targets_.codes, patch_targets_.unchanged, cache_.hidden, config_.pixel_weight, &dhidden_);
  constexpr PictureWeights kWeights{0.1, 8, 8};  // as the video tokenizer's own last training
  PictureObjective picture{*video_, config_.picture_side, patch_targets_.pixels, patch_targets_.classes, kWeights, config_.picture_weight, decode_cache_};
  const LossSums sums = patch_objective(model_, batch_, patch_targets_.codes, patch_targets_.unchanged, cache_.hidden, config_.pixel_weight, &dhidden_, &picture);
  error = picture.error;
  return sums;
}

TransformerStep TransformerTrainer::step() {
  TransformerStep result;
  if (!config_.frozen_routing.empty() && held_.empty()) hold_routing();
  Rng rng(config_.seed, hash64("step") + uint64_t(state_.step));
  build_batch(phase(), rng);
  model_.parameters().zero_gradients();
  RoutingOptions options;
  options.training = true;
  options.top_k = rng.chance(config_.small_k_share) ? 1 : 0;
  model_.forward(batch_, options, cache_);
  dhidden_.resize(cache_.hidden.rows(), cache_.hidden.cols());
  dhidden_.zero();
  result.prologue = prologue_objective(model_, batch_, prologue_targets_, cache_.hidden, config_.prologue_weight, &dhidden_);
  result.states = object_objective(model_, batch_, state_targets_, state_weights_, cache_.hidden, config_.state_weight, &dhidden_);
  result.pixels = patches_step(result.picture);
  result.early_copy = early_copy_objective(model_, batch_, patch_targets_.unchanged, cache_, config_.early_copy_weight);
  model_.backward(batch_, cache_, dhidden_);
  result.rate = config_.schedule.rate(state_.step, state_.seconds);
  result.gradient_norm = optimizer_.step(result.rate);
  move_router_bias(cache_.stats);
  if (!held_.empty()) hold_routing();
  result.routing = cache_.stats;
  result.tokens = batch_.size();
  ++state_.step;
  return result;
}

void TransformerTrainer::save(const std::filesystem::path& path) const {
  Json extra;
  extra["pixel_steps"] = pixel_steps_;
  for (const TransformerLayer& layer : const_cast<UnifiedTransformer&>(model_).layers()) extra["router_bias"].push_back(layer.ffn.router.bias);
  save_checkpoint(path, const_cast<UnifiedTransformer&>(model_).parameters(), optimizer_, state_, extra);
}

void TransformerTrainer::load(const std::filesystem::path& path) {
  const Json extra = load_checkpoint(path, model_.parameters(), optimizer_, state_);
  for (size_t l = 0; l < model_.layers().size(); ++l) extra.at("router_bias").at(l).get_to(model_.layers()[l].ffn.router.bias);
  pixel_steps_ = extra.at("pixel_steps").get<int64_t>();
  dataset_.grow_to(std::min<int64_t>(config_.scenes + state_.step * config_.scenes_per_step, config_.max_scenes));
  if (pixel_steps_ == 0) return;
  --pixel_steps_;  // refill what the last step had
  refill_pixels(phase());
}

void TransformerTrainer::load_weights(const std::filesystem::path& path) {
  model_.load_weights(SafetensorsFile(path), true);
  reopen_heads();
  optimizer_ = AdamW(trainable_, config_.optimizer);
  choose_muon();
}

void TransformerTrainer::export_to(const std::filesystem::path& path, const std::string& command) {
  optimizer_.swap_ema();
  if (!held_.empty()) hold_routing();
  SafetensorsWriter writer;
  model_.save(writer, DType::kBF16);
  writer.set_metadata("command", command);
  writer.set_metadata("training_config", config_.to_json().dump());
  writer.set_metadata("steps", std::to_string(state_.step));
  writer.set_metadata("training_seconds", fmt::format("{:.0f}", state_.seconds));
  writer.set_metadata("families", fmt::format("{}", fmt::join(family_names(), ", ")));
  writer.set_metadata("size_range_m", fmt::format("{} to {}", kMinSize, kMaxSize));
  writer.set_metadata("speed_range_m_s", fmt::format("0 to {}", kMaxSpeed));
  writer.set_metadata("license", "Apache-2.0");
  writer.write(path);
  optimizer_.swap_ema();
}

}  // namespace orrery
