#include "core/progress.h"

#include <gtest/gtest.h>

#include <limits>

namespace orrery {
namespace {

TEST(Progress, DurationsReadWell) {
  EXPECT_EQ(format_duration(0), "0 s");
  EXPECT_EQ(format_duration(12.4), "12 s");
  EXPECT_EQ(format_duration(59.6), "1 min 00 s");
  EXPECT_EQ(format_duration(200), "3 min 20 s");
  EXPECT_EQ(format_duration(3599.4), "59 min 59 s");
  EXPECT_EQ(format_duration(3600), "1 h 00 min");
  EXPECT_EQ(format_duration(3725), "1 h 02 min");
  EXPECT_EQ(format_duration(90000), "25 h 00 min");
}

TEST(Progress, DurationsThatCannotBeAreNotNumbers) {
  EXPECT_EQ(format_duration(-3), "0 s");
  EXPECT_EQ(format_duration(std::numeric_limits<double>::infinity()), "unknown time");
  EXPECT_EQ(format_duration(std::numeric_limits<double>::quiet_NaN()), "unknown time");
}

TEST(Progress, ShortWorkPrintsNothing) {
  testing::internal::CaptureStderr();
  {
    Progress progress("encode", 100, "frames");
    for (int i = 0; i <= 100; ++i) progress.update(i);
    progress.finish();
    progress.finish();
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace orrery
