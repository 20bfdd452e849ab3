#include "core/json.h"

#include <gtest/gtest.h>

#include "core/files.h"
#include "core/rng.h"
#include "tests/core/expect_error.h"
#include "tests/core/temporary_folder.h"

namespace orrery {
namespace {

TEST(JsonText, KeysKeepTheirOrder) {
  EXPECT_EQ(parse_json(R"({"b":1,"a":2})", "x").dump(), R"({"b":1,"a":2})");
}

TEST(JsonText, AFaultIsPlaced) {
  expect_error([] { parse_json("{\"a\": tru}", "options.json"); }, {"options.json", "byte 10", "line 1"});
  expect_error([] { parse_json("", "empty.json"); }, {"empty.json"});
  expect_error([] { parse_json("{} {}", "two.json"); }, {"two.json"});
}

TEST(JsonText, NumbersThatNoDoubleHoldsAreAnError) {
  expect_error([] { parse_json("[1e999]", "big.json"); }, {"big.json", "1e999"});
}

TEST(JsonText, BytesThatAreNotUtf8AreAnError) {
  expect_error([] { parse_json("\"\xff\"", "x.json"); }, {"x.json"});
}

TEST(JsonText, EveryTruncationIsAnError) {
  const std::string whole = R"({"prompt":"a ball","seed":12,"list":[1.5,true,null]})";
  for (size_t length = 0; length < whole.size(); ++length)
    expect_error([&] { parse_json(whole.substr(0, length), "cut"); }, {"cut"});
}

TEST(JsonText, DeepNestingDoesNotExhaustTheStack) {
  const int depth = 1 << 20;
  EXPECT_NO_THROW(parse_json(std::string(depth, '[') + std::string(depth, ']'), "deep"));
  expect_error([&] { parse_json(std::string(depth, '['), "deep"); }, {"deep"});
}

TEST(JsonText, RandomTextIsAnErrorAndNothingWorse) {
  Rng rng(3);
  const std::string alphabet = "{}[]\",:0123e+-.truefalsn\\u \xff";
  for (int round = 0; round < 5000; ++round) {
    std::string text;
    for (int n = rng.below(40); n > 0; --n) text += alphabet[rng.below(int(alphabet.size()))];
    try {
      parse_json(text, "random");
    } catch (const Error&) {
    }
  }
}

TEST(JsonText, FilesAreNamed) {
  const TemporaryFolder folder;
  write_atomic(folder / "config.json", std::string("{"));
  expect_error([&] { read_json(folder / "config.json"); }, {"config.json"});
  expect_error([&] { read_json(folder / "absent.json"); }, {"absent.json"});
}

}  // namespace
}  // namespace orrery
