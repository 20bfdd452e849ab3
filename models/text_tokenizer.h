// Prompt text -> token ids, with a pre-trained vector for every word: words that no training caption contains
// still land beside those that it does. The vocabulary file is made by scripts/make_vocabulary.py.
#pragma once
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace orrery {

inline constexpr int kMaxTextTokens = 48;  // tokens of a prompt, the longest training caption has about 40
inline constexpr int kTextVectorSize = 100;

// Token ids: kTextPad, kTextBegin, kTextEnd, kTextNone (an unconditioned sample), then one per byte, then
// words (each begins a new word), then pieces (continue a word).
enum SpecialToken : int { kTextPad = 0, kTextBegin = 1, kTextEnd = 2, kTextNone = 3, kNumSpecialTokens = 4 };

class TextTokenizer {
 public:
  // Error if the file is absent, damaged or inconsistent.
  static TextTokenizer load(const std::filesystem::path& path);
  static TextTokenizer from_bytes(std::vector<uint8_t> bytes, const std::string& source);
  // The file that ships with the program.
  static TextTokenizer load_shipped();

  int vocabulary_size() const { return int(tokens_.size()); }
  // Row-major [vocabulary_size][kTextVectorSize], unit length or all zeros (bytes, pieces, special tokens).
  const std::vector<float>& vectors() const { return vectors_; }
  std::span<const float> vector(int id) const;

  // No begin or end token. Every byte string has an encoding; Error if it is longer than max_tokens.
  std::vector<int> encode(std::string_view text, int max_tokens = kMaxTextTokens) const;
  // decode(encode(text)) == normalized(text)
  std::string decode(std::span<const int> ids) const;
  // Lower case; blanks, hyphens, slashes, brackets and quotation marks become single spaces.
  static std::string normalized(std::string_view text);

  // The token's spelling: "ball", "##ing", "<pad>", "<0x41>".
  const std::string& token(int id) const { return tokens_.at(size_t(id)); }
  int id_of(const std::string& token) const;  // -1: not in the vocabulary

  // A word of the training captions, or one that means the same (WordNet) or nearly so.
  bool is_known_concept(const std::string& word) const;
  // The words of `text` that carry meaning and that the model was never taught, in order, each once.
  std::vector<std::string> untaught_words(std::string_view text) const;
  // The taught word whose vector lies nearest; empty: the word has no vector, or none lies near.
  std::string nearest_taught(const std::string& word) const;
  // For a message: the untaught words, each with what it will be read as; empty: none.
  std::string describe_untaught(std::string_view text) const;
  // The words of the training captions.
  std::vector<std::string> taught_words() const;

 private:
  void read(std::vector<uint8_t> bytes, const std::string& source);
  void read_words(const std::string& text, const std::string& source);
  void encode_word(std::string_view word, std::vector<int>& ids) const;
  int longest_match(std::string_view rest, bool word_start, size_t& length) const;
  uint8_t flags_of(const std::string& word) const;

  std::vector<std::string> tokens_;           // [V]
  int first_piece_ = 0;                       // id
  std::unordered_map<std::string, int> ids_;  // spelling -> id
  std::vector<float> vectors_;                // [V][100]
  std::vector<uint8_t> flags_;                // [V], bits of WordFlag
  size_t longest_token_ = 0;                  // bytes
};

}  // namespace orrery
