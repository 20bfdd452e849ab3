// Tokens of one or more sequences, packed one after the other, with the content of each kind in its own matrix.
#pragma once
#include <span>
#include <vector>

#include "core/scene.h"
#include "models/relations.h"

namespace orrery {

enum class Task : int { kGenerate, kPerceive, kCaption, kCount };  // first light trains kGenerate alone

// Row i of `features` ([rows, width]) belongs to token rows[i].
struct KindContent {
  std::vector<int64_t> rows;
  std::vector<float> features;
  int64_t count() const { return int64_t(rows.size()); }
};

// Where each token is, for the rotation table.
std::vector<Place> places_of(const std::vector<Token>& tokens);

struct TokenBatch {
  std::vector<Token> tokens;
  std::vector<uint8_t> modality;           // of each token
  std::vector<int64_t> sequence_begin{0};  // closed sequences; one more entry than sequences
  std::vector<int64_t> task_rows, text_rows;
  std::vector<int> task_ids, text_ids;
  std::vector<uint8_t> text_learned;  // 0: the frozen word vector alone (word dropout in training)
  std::vector<float> text_shift;      // [text rows][vector], added to the word vectors (noise in training); may end early
  KindContent prologue, scene, objects, patches;
  std::vector<NextAttribute> prologue_asks;  // of each prologue row
  std::vector<ObjectContent> object_contents;  // of each object row

  int64_t size() const { return int64_t(tokens.size()); }
  void add_task(Task task);
  void add_text(int id, int position, bool learned = true, std::span<const float> shift = {});
  // `written`: items so far; the token asks for the one after them.
  void add_prologue(std::span<const PrologueItem> written);
  void add_scene(const Scene& scene);  // all static parts
  void add_object(int object, int chunk, const ObjectChunk& content, const ObjectSpec& spec, double gravity);
  // previous: levels of the chunk before in [-1, 1], or null.
  void add_patch(int patch, int chunk, const float* previous, int code_dims);
  void end_sequence() { sequence_begin.push_back(size()); }
  // Contents of the objects among the tokens [begin, end).
  std::span<const ObjectContent> objects_of(int64_t begin, int64_t end) const;
  // Every sequence attends within itself by the layout's table.
  AttentionPlan plan(const LayoutConfig& layout) const;

 private:
  void add(const Token& token);
};

}  // namespace orrery
