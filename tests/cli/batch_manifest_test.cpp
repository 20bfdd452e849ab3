#include "cli/batch_manifest.h"

#include <gtest/gtest.h>

#include <fstream>
#include <thread>

#include "cli/batch_gallery.h"
#include "tests/core/expect_error.h"
#include "tests/core/temporary_folder.h"

namespace orrery {
namespace {

Json record(const std::string& id, int value) { return {{"id", id}, {"status", "done"}, {"value", value}}; }

TEST(BatchManifest, TheLatestRecordOfAnIdCounts) {
  const TemporaryFolder folder;
  Manifest manifest(folder / "m.jsonl");
  EXPECT_EQ(manifest.find("a"), nullptr);
  manifest.append(record("b", 1));
  manifest.append(record("a", 1));
  manifest.append(record("b", 2));
  const Manifest again(folder / "m.jsonl");
  EXPECT_EQ(again.records().size(), 2u);
  EXPECT_EQ(again.find("b")->at("value"), 2);
  manifest.compact({"a", "b", "absent"});
  EXPECT_EQ(read_text(folder / "m.jsonl"), record("a", 1).dump() + "\n" + record("b", 2).dump() + "\n");
}

TEST(BatchManifest, ALineCutAnywhereCostsThatRecordAlone) {
  const TemporaryFolder folder;
  const std::string first = record("a", 1).dump() + "\n", second = record("b", 2).dump();
  for (size_t n = 0; n <= second.size(); ++n) {
    std::ofstream(folder / "m.jsonl") << first << second.substr(0, n);
    Manifest manifest(folder / "m.jsonl");
    EXPECT_NE(manifest.find("a"), nullptr) << n;
    EXPECT_EQ(manifest.find("b") != nullptr, n == second.size()) << n;
    manifest.append(record("c", 3));
    const Manifest again(folder / "m.jsonl");
    EXPECT_NE(again.find("a"), nullptr) << n;
    EXPECT_NE(again.find("c"), nullptr) << n;
  }
}

TEST(BatchManifest, AFileOfAnotherKindIsLeftAlone) {
  const TemporaryFolder folder;
  std::ofstream(folder / "m.jsonl") << "dear diary\n";
  expect_error([&] { Manifest manifest(folder / "m.jsonl"); }, {"m.jsonl:1", "--manifest"});
  EXPECT_EQ(read_text(folder / "m.jsonl"), "dear diary\n");
}

TEST(BatchManifest, ManyWritersLoseNothing) {
  const TemporaryFolder folder;
  std::vector<std::thread> writers;
  for (int w = 0; w < 4; ++w)
    writers.emplace_back([&, w] {
      Manifest manifest(folder / "m.jsonl");
      for (int i = 0; i < 10; ++i) {
        manifest.append(record(std::to_string(w * 10 + i), i));
        if (i == 5) manifest.compact({});
      }
    });
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(Manifest(folder / "m.jsonl").records().size(), 40u);
}

TEST(BatchGallery, ShowsWhatIsDoneAndNoPromptBreaksOut) {
  Json done = {{"id", "a"}, {"status", "done"}, {"prompt", "</script><script>alert(1)</script>"}, {"seed", 3}, {"file", "a.mp4"}, {"seconds", 1.0}, {"score", nullptr}, {"scored", false}};
  const std::string html = gallery_html({done, {{"id", "b"}, {"status", "failed"}, {"prompt", "the failed one"}}});
  EXPECT_NE(html.find("\"a.mp4\""), std::string::npos);
  EXPECT_EQ(html.find("alert(1)</script>"), std::string::npos);
  EXPECT_EQ(html.find("the failed one"), std::string::npos);
  for (const char* outside : {"http://", "https://", "src=\"/"}) EXPECT_EQ(html.find(outside), std::string::npos) << outside;
}

}  // namespace
}  // namespace orrery
