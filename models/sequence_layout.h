// The one sequence: [task] [text] [prologue] | [scene] | chunk 0: [objects] [patches] | chunk 1: ...
// A token is (kind, chunk, index, place); this page says who may attend to whom, and nothing else does.
#pragma once
#include <span>
#include <vector>

#include "nn/attention.h"
#include "nn/rope.h"
#include "nn/router.h"

namespace orrery {

enum class TokenKind : uint8_t {
  kTask,      // which direction the sequence runs in
  kText,      // a word piece of the prompt
  kPrologue,  // query: the next attribute of the scene; content: the attribute before it
  kScene,     // content: de-quantised facts that hold throughout (gravity, backdrop, a static part)
  kObject,    // content: an object's state in a chunk's 4 frames; query: its state in the next chunk
  kPatch,     // content: the patch's code in the chunk before; query: its code in this chunk
};

inline constexpr int kInitialChunk = -1;  // the chunk of the de-quantised prologue
inline constexpr int kStaticChunk = -100;

struct Token {
  TokenKind kind;
  int16_t chunk = kStaticChunk;
  int16_t index = 0;  // text position, prologue item, static part, object, or patch (row-major)
  Place place;
};

struct LayoutConfig {
  int window = 4;              // chunks of objects that an object sees, its own included
  double patch_radius = 0.75;  // m: patches see their neighbours' codes of the chunk before
};

Domain modality_of(TokenKind kind);
bool is_text(TokenKind kind);  // a word or the task

// kMasked, or the time bucket of the learned bias: 0 static, 1 + chunks between, 6 a neighbouring patch.
//   query \ key   task,text   prologue        scene   objects                  patches
//   task,text     yes         -               -       -                        -
//   prologue      yes         own and before  -       -                        -
//   scene         -           -               yes     -                        -
//   objects       -           -               yes     chunks (c - window, c]   -
//   patches       -           -               yes     chunk c                  chunk c, within patch_radius
uint8_t attention_bucket(const Token& query, const Token& key, const LayoutConfig& layout);

// One of each sort of query that sees the same of keys that are no patches: by kind, chunk and, of the prologue, index.
std::vector<Token> sorts_of_queries(std::span<const Token> queries);

// The whole table of one sequence, [queries][keys].
std::vector<uint8_t> attention_table(std::span<const Token> queries, std::span<const Token> keys, const LayoutConfig& layout);

// Centre of a patch of the 20 x 12 grid, in metres.
Place patch_place(int patch);

}  // namespace orrery
