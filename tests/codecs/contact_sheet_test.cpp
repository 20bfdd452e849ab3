#include "codecs/contact_sheet.h"

#include "clips.h"
#include "codecs/png.h"
#include "codecs/resize.h"
#include "core/error.h"

namespace orrery {
namespace {

TEST(ContactSheet, PicturesStandInTheirCells) {
  std::vector<Frame> frames = {flat(20, 10, 255, 0, 0), flat(20, 10, 0, 255, 0), flat(20, 10, 0, 0, 255)};
  ContactSheetOptions options;
  options.columns = 2;
  options.gap = 3;
  const Frame sheet = contact_sheet(frames, options);
  EXPECT_EQ(sheet.width, 2 * 20 + 3 * 3);
  EXPECT_EQ(sheet.height, 2 * 10 + 3 * 3);
  EXPECT_EQ(sheet.at(3, 3)[0], 255);
  EXPECT_EQ(sheet.at(2, 3)[0], options.background[0]);
  EXPECT_EQ(sheet.at(26, 3)[1], 255);
  EXPECT_EQ(sheet.at(3, 16)[2], 255);
  EXPECT_EQ(sheet.at(26, 16)[2], options.background[2]);  // no fourth picture
}

TEST(ContactSheet, CaptionsTakeSpaceAndAreCut) {
  std::vector<Frame> frames = {flat(120, 40, 9, 9, 9), flat(120, 40, 9, 9, 9)};
  ContactSheetOptions plain, captioned;
  plain.columns = captioned.columns = 1;
  captioned.captions = {
      "a red ball falls and bounces on the floor and rolls and rolls and rolls away to the right"};
  captioned.max_caption_lines = 2;
  const Frame a = contact_sheet(frames, plain), b = contact_sheet(frames, captioned);
  EXPECT_EQ(b.height, a.height + captioned.gap + 2 * (kGlyphHeight + 2));
  bool ink = false;
  for (int x = 0; x < b.width; ++x) ink |= b.at(x, 4 + 40 + 4 + 3)[0] == captioned.text[0];
  EXPECT_TRUE(ink);
}

TEST(ContactSheet, NoFramesIsAnError) { EXPECT_THROW(contact_sheet({}), Error); }

TEST(ContactSheet, SpreadIndicesHoldBothEnds) {
  EXPECT_EQ(spread_indices(96, 4), (std::vector<int>{0, 32, 63, 95}));
  EXPECT_EQ(spread_indices(3, 9), (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(spread_indices(5, 1), (std::vector<int>{0}));
  EXPECT_TRUE(spread_indices(0, 3).empty());
}

TEST(Text, WrapsAtSpacesAndCutsLongWords) {
  EXPECT_EQ(wrap_text("a red ball falls", 8), (std::vector<std::string>{"a red", "ball", "falls"}));
  EXPECT_EQ(wrap_text("abcdefghij k", 4), (std::vector<std::string>{"abcd", "efgh", "ij k"}));
  EXPECT_EQ(wrap_text("größer", 6).size(), 1u);
  EXPECT_TRUE(wrap_text("  ", 4).empty());
}

TEST(Text, IsClippedAtTheEdges) {
  Frame frame(10, 6);
  draw_text(frame, -3, -2, "WWWW", {255, 255, 255}, 2);
  draw_text(frame, 8, 4, "W\xff\x01");
  EXPECT_EQ(text_width("größer"), 6 * kGlyphWidth);
}

// Every printable letter has ink, and no two are alike.
TEST(Text, LettersDiffer) {
  std::vector<std::vector<uint8_t>> seen;
  for (char c = 33; c < 127; ++c) {
    Frame frame(kGlyphWidth, kGlyphHeight);
    draw_text(frame, 0, 0, std::string(1, c));
    EXPECT_GT(mean_of(frame, 0), 0) << c;
    EXPECT_EQ(std::count(seen.begin(), seen.end(), frame.rgb), 0) << c;
    seen.push_back(frame.rgb);
  }
}

TEST(Resize, KeepsColourUpAndDown) {
  const Frame frame = gradient(96, 64, 0);
  for (const auto& [width, height] : {std::pair{192, 128}, {48, 32}, {33, 17}, {1, 1}}) {
    const Frame out = resize(frame, width, height);
    EXPECT_EQ(out.width, width);
    EXPECT_EQ(out.height, height);
    for (int c = 0; c < 3; ++c) EXPECT_NEAR(mean_of(out, c), mean_of(frame, c), 1.5) << width;
  }
  EXPECT_GT(psnr(resize(resize(frame, 192, 128), 96, 64), frame), 40);
  EXPECT_THROW(resize(frame, 0, 4), UsageError);
}

}  // namespace
}  // namespace orrery
