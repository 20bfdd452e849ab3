#include "models/text_tokenizer.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/error.h"
#include "core/files.h"
#include "core/safetensors.h"

namespace orrery {
namespace {

// Per word, from the vocabulary file.
enum WordFlag : uint8_t {
  kTaught = 1,        // in a training caption
  kMeansTaught = 2,   // WordNet: same meaning as, or a kind of, something taught
  kFunctionWord = 4,  // carries no content: "the", "of", "please"
};

constexpr int kFirstByte = kNumSpecialTokens;
constexpr int kFirstWord = kFirstByte + 256;
constexpr size_t kShortestStem = 3;  // a word of fewer letters never serves as the beginning of another
constexpr double kNearTaught = 0.4;  // cosine; chosen by looking at twenty strange words
constexpr uint64_t kMaxFileBytes = 16 << 20;  // the shipped file has about 1 MB

bool is_letter(unsigned char c) { return (c >= 'a' && c <= 'z') || c >= 0x80; }

bool separates(unsigned char c) {
  return c <= ' ' || c == 0x7f || std::strchr("-/\\()[]{}<>\"_*|`~", c) != nullptr;
}

// Typographic marks in UTF-8 -> their plain counterpart, else 0. `length`: bytes used.
char plain_mark(std::string_view rest, size_t& length) {
  struct Mark {
    std::string_view bytes;
    char plain;
  };
  static constexpr Mark kMarks[] = {{"\u2018", '\''}, {"\u2019", '\''}, {"\u201c", ' '}, {"\u201d", ' '},
                                    {"\u2013", ' '},  {"\u2014", ' '},  {"\u00a0", ' '}, {"\u2026", ' '}};
  for (const Mark& mark : kMarks)
    if (rest.starts_with(mark.bytes)) return length = mark.bytes.size(), mark.plain;
  return 0;
}

const RawTensor& checked(const SafetensorsFile& file, const std::string& name, DType dtype,
                         std::vector<int64_t> shape) {
  const RawTensor& t = file.tensor(name);
  if (t.dtype != dtype || t.shape != shape)
    fail(
        "text vocabulary: tensor {} has the wrong type or shape; reinstall the program or remake the file "
        "with "
        "scripts/make_vocabulary.py",
        name);
  return t;
}

}  // namespace

TextTokenizer TextTokenizer::load(const std::filesystem::path& path) {
  return from_bytes(read_bytes(path, kMaxFileBytes), path.string());
}

TextTokenizer TextTokenizer::load_shipped() {
  const fs::path path = find_data_file("text_vocab.safetensors");
  if (path.empty())
    fail("text_vocab.safetensors is not installed: run from the source tree or `cmake --install` again");
  return load(path);
}

TextTokenizer TextTokenizer::from_bytes(std::vector<uint8_t> bytes, const std::string& source) {
  TextTokenizer tokenizer;
  tokenizer.read(std::move(bytes), source);
  return tokenizer;
}

// Tensors: words u8 [bytes], one a line, those with vectors first, pieces ("##ing") last; vectors i8
// [N][100]; scales f32 [N]; flags u8 [W].
void TextTokenizer::read(std::vector<uint8_t> bytes, const std::string& source) {
  const SafetensorsFile file(std::move(bytes), source);
  const RawTensor& words = file.tensor("words");
  if (words.dtype != DType::kU8 || words.bytes.empty()) fail("{}: holds no words", source);
  tokens_ = {"<pad>", "<begin>", "<end>", "<none>"};
  for (int b = 0; b < 256; ++b) tokens_.push_back(fmt::format("<0x{:02x}>", b));
  read_words(std::string(words.bytes.begin(), words.bytes.end()), source);

  const int64_t listed = vocabulary_size() - kFirstWord;
  const RawTensor& scales = file.tensor("scales");
  const int64_t n = scales.shape.size() == 1 ? scales.shape[0] : -1;
  if (n < 0 || n > first_piece_ - kFirstWord)
    fail("{}: {} vectors for {} words", source, n, first_piece_ - kFirstWord);
  const auto& scale_bytes = checked(file, "scales", DType::kF32, {n}).bytes;
  const auto& values = checked(file, "vectors", DType::kI8, {n, kTextVectorSize}).bytes;
  const auto& flags = checked(file, "flags", DType::kU8, {listed}).bytes;

  flags_.assign(tokens_.size(), 0);
  std::copy(flags.begin(), flags.end(), flags_.begin() + kFirstWord);
  vectors_.assign(tokens_.size() * kTextVectorSize, 0.0f);
  for (int64_t i = 0; i < n; ++i) {
    float scale;
    std::memcpy(&scale, scale_bytes.data() + 4 * i, 4);
    if (!std::isfinite(scale) || scale < 0 || scale > 1)
      fail("{}: the vector of \"{}\" is damaged", source, tokens_[size_t(kFirstWord + i)]);
    for (int k = 0; k < kTextVectorSize; ++k)
      vectors_[size_t(kFirstWord + i) * kTextVectorSize + k] =
          scale * float(int8_t(values[size_t(i) * kTextVectorSize + k]));
  }
}

void TextTokenizer::read_words(const std::string& text, const std::string& source) {
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string word = text.substr(begin, end - begin);
    const bool piece = word.starts_with("##");
    if (word.empty() || word.size() > 40 || word != normalized(word))
      fail("{}: \"{}\" is not a vocabulary word", source, word);
    if (!piece && first_piece_) fail("{}: word \"{}\" follows a piece", source, word);
    if (piece && !first_piece_) first_piece_ = vocabulary_size();
    if (!ids_.emplace(word, vocabulary_size()).second) fail("{}: \"{}\" is listed twice", source, word);
    longest_token_ = std::max(longest_token_, word.size());
    tokens_.push_back(word);
    begin = end + 1;
  }
  if (!first_piece_) first_piece_ = vocabulary_size();
}

std::span<const float> TextTokenizer::vector(int id) const {
  ORRERY_ASSERT(id >= 0 && id < vocabulary_size());
  return std::span(vectors_).subspan(size_t(id) * kTextVectorSize, kTextVectorSize);
}

std::string TextTokenizer::normalized(std::string_view text) {
  std::string out;
  auto put_space = [&] {
    if (!out.empty() && out.back() != ' ') out += ' ';
  };
  for (size_t i = 0, length; i < text.size(); i += length) {
    length = 1;
    unsigned char c = static_cast<unsigned char>(text[i]);
    if (c >= 0x80)
      if (const char plain = plain_mark(text.substr(i), length)) c = static_cast<unsigned char>(plain);
    if (c >= 'A' && c <= 'Z') c += 'a' - 'A';
    if (separates(c)) {
      put_space();
      continue;
    }
    // "falls,then bounces": a forgotten blank.
    if (is_letter(c) && !out.empty() && std::strchr(",;:!?.", out.back())) put_space();
    out += char(c);
  }
  if (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

int TextTokenizer::id_of(const std::string& token) const {
  const auto it = ids_.find(token);
  return it == ids_.end() ? -1 : it->second;
}

// The id of the longest word (or piece) that `rest` begins with, else -1.
int TextTokenizer::longest_match(std::string_view rest, bool word_start, size_t& length) const {
  for (length = std::min(rest.size(), longest_token_); length > 0; --length) {
    const bool whole = length == rest.size();
    if (word_start && !whole && length < kShortestStem && is_letter(static_cast<unsigned char>(rest[length])))
      continue;
    std::string key = word_start ? "" : "##";
    key += rest.substr(0, length);
    const int id = id_of(key);
    if (id >= 0 && (id >= first_piece_) == !word_start) return id;
  }
  return -1;
}

void TextTokenizer::encode_word(std::string_view word, std::vector<int>& ids) const {
  bool word_start = true;
  while (!word.empty()) {
    size_t length = 0;
    const int id = longest_match(word, word_start, length);
    if (id >= 0) {
      ids.push_back(id);
      word.remove_prefix(length);
    } else if (word_start) {
      ids.push_back(kFirstByte + ' ');  // no word begins like this: a blank, then pieces and bytes
    } else {
      ids.push_back(kFirstByte + static_cast<unsigned char>(word[0]));
      word.remove_prefix(1);
    }
    word_start = false;
  }
}

std::vector<int> TextTokenizer::encode(std::string_view text, int max_tokens) const {
  const std::string clean = normalized(text);
  std::vector<int> ids;
  for (size_t begin = 0; begin < clean.size();) {
    const size_t end = std::min(clean.find(' ', begin), clean.size());
    encode_word(std::string_view(clean).substr(begin, end - begin), ids);
    if (int(ids.size()) > max_tokens)
      fail("the prompt is longer than {} tokens (full at \"...{}\"): shorten it", max_tokens,
           clean.substr(begin, std::min<size_t>(end - begin, 20)));
    begin = end + 1;
  }
  return ids;
}

std::string TextTokenizer::decode(std::span<const int> ids) const {
  std::string out;
  for (int id : ids) {
    ORRERY_ASSERT(id >= 0 && id < vocabulary_size());
    if (id < kFirstByte) continue;
    if (id < kFirstWord) {
      out += char(id - kFirstByte);
    } else if (id >= first_piece_) {
      out += tokens_[size_t(id)].substr(2);
    } else {
      if (!out.empty()) out += ' ';
      out += tokens_[size_t(id)];
    }
  }
  return out.starts_with(' ') ? out.substr(1) : out;
}

uint8_t TextTokenizer::flags_of(const std::string& word) const {
  const int id = id_of(word);
  return id < 0 ? 0 : flags_[size_t(id)];
}

bool TextTokenizer::is_known_concept(const std::string& word) const {
  return flags_of(normalized(word)) & (kTaught | kMeansTaught);
}

std::vector<std::string> TextTokenizer::untaught_words(std::string_view text) const {
  std::vector<std::string> untaught;
  std::string word;
  auto finish = [&] {
    const bool known = word.empty() || (flags_of(word) & (kTaught | kMeansTaught | kFunctionWord));
    if (!known && std::find(untaught.begin(), untaught.end(), word) == untaught.end())
      untaught.push_back(word);
    word.clear();
  };
  for (char c : normalized(text)) {
    const auto byte = static_cast<unsigned char>(c);
    if (is_letter(byte) || (byte >= '0' && byte <= '9')) word += c;
    else finish();
  }
  finish();
  return untaught;
}

std::string TextTokenizer::nearest_taught(const std::string& word) const {
  const int of = id_of(word);
  if (of < 0) return {};
  double best = kNearTaught;
  std::string nearest;
  for (int id = kFirstWord; id < first_piece_; ++id) {
    if (id == of || !(flags_[size_t(id)] & kTaught) || (flags_[size_t(id)] & kFunctionWord)) continue;
    double cosine = 0;  // vectors have unit length
    for (int i = 0; i < kTextVectorSize; ++i) cosine += double(vector(of)[size_t(i)]) * vector(id)[size_t(i)];
    if (cosine > best) best = cosine, nearest = tokens_[size_t(id)];
  }
  return nearest;
}

std::string TextTokenizer::describe_untaught(std::string_view text) const {
  std::string out;
  for (const std::string& word : untaught_words(text)) {
    const std::string nearest = nearest_taught(word);
    if (!out.empty()) out += ", ";
    out += nearest.empty() ? fmt::format("{} (nothing near it)", word) : fmt::format("{} (nearest: {})", word, nearest);
  }
  return out;
}

std::vector<std::string> TextTokenizer::taught_words() const {
  std::vector<std::string> words;
  for (int id = kFirstWord; id < first_piece_; ++id)
    if (flags_[size_t(id)] & kTaught) words.push_back(tokens_[size_t(id)]);
  return words;
}

}  // namespace orrery
