// What is refused, what is not, and what a damaged policy says.
#include "cli/policy.h"

#include "tests/core/expect_error.h"

namespace orrery {
namespace {

Policy parse(const std::string& text) { return parse_policy(Json::parse(text), "p.json"); }

TEST(Policy, PhrasesMatchWholeWords) {
  const Policy p = parse(R"({"deny": [{"pattern": "red ball", "reason": "no red"}, "tortur*"]})");
  struct Case {
    const char* prompt;
    bool refused;
  };
  for (const Case& c : {Case{"a Red, BALL falls", true},
                        {"a red\n ball", true},
                        {"a bored ball", false},
                        {"red balloon", false},
                        {"a ball that is red", false},
                        {"torture", true},
                        {"torturing", true},
                        {"a tort", false},
                        {"", false},
                        {"red", false}})
    EXPECT_EQ(refusal(p, c.prompt, 4, 1).has_value(), c.refused) << c.prompt;
  EXPECT_NE(refusal(p, "a red ball", 4, 1)->find("no red"), std::string::npos);
}

TEST(Policy, AllowListAndLimits) {
  const Policy p = parse(R"({"allow": ["ball*", "box"], "max_seconds": 10, "max_clips": 5})");
  EXPECT_FALSE(refusal(p, "two balls", 10, 5));
  EXPECT_FALSE(refusal(p, "a box", 1, 1));
  EXPECT_TRUE(refusal(p, "two boxes", 1, 1));
  EXPECT_NE(refusal(p, "a box", 10.5, 1)->find("10.5"), std::string::npos);
  EXPECT_NE(refusal(p, "a box", 1, 6)->find("6 clips"), std::string::npos);
  expect_error([&] { enforce(p, "a cat", 1); }, {"p.json", "allowed"});
}

TEST(Policy, NoneRefusesNothing) { EXPECT_FALSE(refusal(load_policy("none"), "anything", 1e9, 1 << 30)); }

TEST(Policy, ShippedOneLetsTheModelsOwnWordsPass) {
  const Policy p = load_policy("");
  EXPECT_FALSE(p.deny.empty());
  for (const char* prompt : {"a red ball falls and bounces", "a blue box slides down a ramp",
                             "two balls collide", "the naive ball"})
    EXPECT_FALSE(refusal(p, prompt, 4, 1)) << prompt;
  EXPECT_TRUE(refusal(p, "BREAKING NEWS: a ball falls", 4, 1));
}

TEST(Policy, DamagedOnesSayWhere) {
  expect_error([] { parse("[]"); }, {"p.json", "object"});
  expect_error([] { parse(R"({"denny": []})"); }, {"p.json", "denny", "deny"});
  expect_error([] { parse(R"({"deny": "ball"})"); }, {"p.json"});
  expect_error([] { parse(R"({"deny": [3]})"); }, {"p.json", "deny", "3"});
  expect_error([] { parse(R"({"allow": ["..."]})"); }, {"p.json", "allow"});
  expect_error([] { parse(R"({"max_seconds": "long"})"); }, {"p.json"});
  expect_error([] { load_policy("absent.json"); }, {"absent.json"});
}

}  // namespace
}  // namespace orrery
