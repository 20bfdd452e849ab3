#include "cli/batch_jobs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "core/error.h"
#include "core/rng.h"

namespace orrery {
namespace {

JobList parse(const std::string& text, ListFormat format = ListFormat::kJsonl, const BatchDefaults& defaults = {}) { return parse_jobs(text, "list", format, defaults); }

void expect_bad(const std::string& text, const std::vector<std::string>& words) {
  const JobList list = parse(text);
  ASSERT_EQ(list.errors.size(), 1u) << text;
  for (const std::string& word : words) EXPECT_NE(list.errors[0].find(word), std::string::npos) << list.errors[0];
}

TEST(BatchJobs, ALineSaysWhatItWantsAndDefaultsSayTheRest) {
  BatchDefaults defaults;
  defaults.clip.seconds = 2;
  const JobList list = parse(R"({"id":"a","prompt":" a red ball falls ","seed":7,"seconds":1.5,"size":"640x384","candidates":3,"temperature":0.2,"crf":20,"fps":12,"upscale":2,"format":"webm","strict":true}
{"prompt":"a box rests","id":"b"}
)", ListFormat::kJsonl, defaults);
  ASSERT_TRUE(list.errors.empty()) << list.errors[0];
  ASSERT_EQ(list.jobs.size(), 2u);
  const BatchJob& a = list.jobs[0];
  EXPECT_EQ(a.prompt, "a red ball falls");
  EXPECT_EQ(a.seed, 7);
  EXPECT_EQ(a.clip.seconds, 1.5);
  EXPECT_EQ(output_size(a.clip).width, 640);
  EXPECT_EQ(a.clip.candidates, 3);
  EXPECT_EQ(a.file, "a.webm");
  EXPECT_TRUE(a.strict);
  EXPECT_EQ(list.jobs[1].clip.seconds, 2);
  EXPECT_EQ(list.jobs[1].seed, seed_of("b", 0));
}

TEST(BatchJobs, ALineChoosesMarkAndPrivacy) {
  BatchDefaults defaults;
  defaults.clip.watermark_key = ORRERY_ROOT "/LICENSE";
  const JobList list = parse(R"({"prompt":"a","watermark":false,"private_prompt":true}
{"prompt":"b"}
{"prompt":"c","watermark_key":"","private_prompt":false}
)", ListFormat::kJsonl, defaults);
  ASSERT_TRUE(list.errors.empty()) << list.errors[0];
  EXPECT_FALSE(list.jobs[0].clip.watermark);
  EXPECT_TRUE(list.jobs[0].clip.private_prompt);
  EXPECT_TRUE(list.jobs[1].clip.watermark && !list.jobs[1].clip.private_prompt);
  EXPECT_EQ(list.jobs[1].clip.watermark_key, defaults.clip.watermark_key);
  EXPECT_EQ(list.jobs[2].clip.watermark_key, "");
  // The manifest tells them apart, so that a changed mark is a changed option.
  EXPECT_NE(options_of(list.jobs[0]), options_of(list.jobs[1]));
  EXPECT_NE(options_of(list.jobs[1]), options_of(list.jobs[2]));
  const JobList csv = parse("prompt,watermark,private_prompt\na,false,true\nb,,\n", ListFormat::kCsv, {});
  ASSERT_TRUE(csv.errors.empty()) << csv.errors[0];
  EXPECT_TRUE(!csv.jobs[0].clip.watermark && csv.jobs[0].clip.private_prompt);
  EXPECT_TRUE(csv.jobs[1].clip.watermark && !csv.jobs[1].clip.private_prompt);
  expect_bad(R"({"prompt":"a","watermark":"no"})", {"\"watermark\"", "true or false"});
  expect_bad(R"({"prompt":"a","private_prompt":1})", {"\"private_prompt\"", "true or false"});
  expect_bad(R"({"prompt":"a","watermark":false,"watermark_key":"LICENSE"})", {"exclude"});
  expect_bad(R"({"prompt":"a","watermark_key":"no/such/key"})", {"no/such/key"});
}

TEST(BatchJobs, EveryBadLineIsNamedWithItsNumberAndKey) {
  const JobList list = parse("{\"prompt\":\"ok\"}\n{\"prompt\":\"x\",\"colour\":1}\n\n{\"prompt\":3}\nnot json\n{\"prompt\":\"x\",\"seconds\":-1}\n{\"prompt\":\"\"}\n[1]\n");
  EXPECT_EQ(list.jobs.size(), 1u);
  ASSERT_EQ(list.errors.size(), 6u);
  const char* starts[] = {"list:2:", "list:4:", "list:5:", "list:6:", "list:7:", "list:8:"};
  for (int i = 0; i < 6; ++i) EXPECT_TRUE(list.errors[size_t(i)].starts_with(starts[i])) << list.errors[size_t(i)];
  EXPECT_NE(list.errors[0].find("\"colour\""), std::string::npos);
  EXPECT_NE(list.errors[1].find("\"prompt\""), std::string::npos);
  EXPECT_NE(list.errors[3].find("seconds"), std::string::npos);
}

TEST(BatchJobs, ValuesOutOfRangeAreRefused) {
  expect_bad(R"({"prompt":"a","size":"0x0"})", {"size"});
  expect_bad(R"({"prompt":"a","seed":-1})", {"\"seed\""});
  expect_bad(R"({"prompt":"a","seed":1.5})", {"\"seed\""});
  expect_bad(R"({"prompt":"a","seed":1e300})", {"\"seed\""});
  expect_bad(R"({"prompt":"a","seeds":0})", {"\"seeds\""});
  expect_bad(R"({"prompt":"a","seeds":[]})", {"\"seeds\""});
  expect_bad(R"({"prompt":"a","seeds":2,"seed":1})", {"both"});
  expect_bad(R"({"prompt":"a","format":"avi"})", {"avi"});
  expect_bad(R"({"prompt":"a","candidates":65})", {"candidates"});
  expect_bad(R"({"prompt":"a","strict":1})", {"\"strict\""});
  expect_bad(R"({"prompt":"a\u0000b"})", {"zero byte"});
  expect_bad("{\"prompt\":\"\xff\xfe\"}", {"list:1:"});
}

TEST(BatchJobs, IdsAreUnique) {
  const JobList list = parse("{\"id\":\"x\",\"prompt\":\"a\"}\n{\"id\":\"y\",\"prompt\":\"a\"}\n{\"id\":\"x\",\"prompt\":\"b\"}\n{\"id\":\"X\",\"prompt\":\"b\"}");
  EXPECT_EQ(list.jobs.size(), 2u);
  ASSERT_EQ(list.errors.size(), 2u);
  EXPECT_NE(list.errors[0].find("line 1"), std::string::npos) << list.errors[0];
}

TEST(BatchJobs, ASeedDependsOnTheIdAndNotOnTheLinesPlace) {
  const std::string a = R"({"id":"a","prompt":"p"})", b = R"({"prompt":"a ball falls"})";
  const JobList one = parse(a + "\n" + b), other = parse("\n\n" + b + "\n" + R"({"prompt":"new"})" + "\n" + a);
  EXPECT_EQ(one.jobs[0].seed, other.jobs[2].seed);
  EXPECT_EQ(one.jobs[1].seed, other.jobs[0].seed);
  EXPECT_EQ(one.jobs[1].id, other.jobs[0].id);
  BatchDefaults defaults;
  defaults.base_seed = 1;
  EXPECT_NE(parse(a, ListFormat::kJsonl, defaults).jobs[0].seed, one.jobs[0].seed);
}

TEST(BatchJobs, SeveralSeedsAreSeveralClips) {
  const JobList named = parse(R"({"id":"a","prompt":"p","seeds":[5,9]})"), counted = parse(R"({"id":"a","prompt":"p","seeds":3})");
  ASSERT_EQ(named.jobs.size(), 2u);
  EXPECT_EQ(named.jobs[1].id, "a-s9");
  EXPECT_EQ(named.jobs[1].seed, 9);
  ASSERT_EQ(counted.jobs.size(), 3u);
  std::set<int64_t> seeds;
  for (const BatchJob& job : counted.jobs) seeds.insert(job.seed);
  EXPECT_EQ(seeds.size(), 3u);
}

TEST(BatchJobs, TextAndCsvGiveTheSameJobs) {
  const JobList text = parse("\xef\xbb\xbf" "a red ball falls\r\n\n  a red ball falls\nboxes, two of them\n", ListFormat::kText);
  ASSERT_EQ(text.jobs.size(), 3u);
  EXPECT_NE(text.jobs[0].id, text.jobs[1].id);
  EXPECT_EQ(text.jobs[2].prompt, "boxes, two of them");
  const JobList csv = parse("id,prompt,seconds,strict\r\na,\"boxes, \"\"two\"\" of them\",1.5,true\nb,a ball,,\n\nc,x,abc,\n", ListFormat::kCsv);
  ASSERT_EQ(csv.jobs.size(), 2u);
  EXPECT_EQ(csv.jobs[0].prompt, "boxes, \"two\" of them");
  EXPECT_EQ(csv.jobs[0].clip.seconds, 1.5);
  EXPECT_EQ(csv.jobs[1].clip.seconds, 4);
  ASSERT_EQ(csv.errors.size(), 1u);
  EXPECT_TRUE(csv.errors[0].starts_with("list:5:")) << csv.errors[0];
}

TEST(BatchJobs, FileNamesStayInTheFolder) {
  const std::string ids[] = {"../../etc/passwd", "/etc/passwd", "..", ".", "a/b", "a b", ".hidden", "-rf", "\xc3\xa9t\xc3\xa9", "\xe7\x90\x83", std::string(5000, 'x'), "con\nrol", "a\\b", "", "x."};
  std::set<std::string> names;
  for (const std::string& id : ids) {
    const std::string stem = safe_stem(id);
    EXPECT_FALSE(stem.empty());
    EXPECT_LE(stem.size(), 100u);
    EXPECT_TRUE(std::all_of(stem.begin(), stem.end(), [](unsigned char c) { return c < 128 && (std::isalnum(c) || c == '.' || c == '_' || c == '-'); })) << stem;
    EXPECT_TRUE(stem[0] != '.' && stem[0] != '-') << stem;
    names.insert(stem);
  }
  EXPECT_EQ(names.size(), std::size(ids));
  EXPECT_EQ(safe_stem("drop_1.a-B"), "drop_1.a-B");
}

TEST(BatchJobs, ShardsShareTheListOut) {
  const JobList list = parse("a\nb\nc\nd\ne\nf\ng\n", ListFormat::kText);
  std::set<std::string> ids;
  for (const char* shard : {"1/3", "2/3", "3/3"})
    for (const BatchJob& job : shard_of(list.jobs, shard)) EXPECT_TRUE(ids.insert(job.id).second);
  EXPECT_EQ(ids.size(), list.jobs.size());
  for (const char* bad : {"0/3", "4/3", "1", "1/0", "a/b", "1/3x", "-1/3"}) EXPECT_THROW(shard_of(list.jobs, bad), UsageError) << bad;
}

TEST(BatchJobs, AnyBytesAndAnyTruncationAreAnErrorAtWorst) {
  const std::string whole = R"({"id":"a","prompt":"p","seeds":[5,9],"seconds":1.5})";
  for (size_t n = 0; n < whole.size(); ++n) EXPECT_LE(parse(whole.substr(0, n)).jobs.size(), 0u) << n;
  Rng rng(9);
  for (int i = 0; i < 300; ++i) {
    std::string noise;
    for (int k = rng.below(120); k > 0; --k) noise += char(rng.below(256));
    for (ListFormat f : {ListFormat::kJsonl, ListFormat::kCsv, ListFormat::kText}) {
      parse(noise, f);
      parse("prompt,\"id\n" + noise, f);
    }
  }
}

}  // namespace
}  // namespace orrery
