#include "core/safetensors.h"

#include <gtest/gtest.h>

#include <cstring>

#include "core/error.h"
#include "core/rng.h"
#include "tests/core/expect_error.h"
#include "tests/core/temporary_folder.h"

namespace orrery {
namespace {

std::span<const uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// A small file with two tensors, an empty one and metadata.
std::vector<uint8_t> example_file() {
  SafetensorsWriter writer;
  writer.add("weights", DType::kF32, {2, 3}, bytes_of(std::string(24, 'w')));
  writer.add("codes", DType::kI8, {5}, bytes_of("abcde"));
  writer.add("none", DType::kF32, {0, 4}, {});
  writer.set_metadata("config", "{\"a\": 1}");
  return writer.serialize();
}

// A file with this header and `data` zero bytes behind it.
std::vector<uint8_t> file_with_header(const std::string& header, size_t data) {
  std::vector<uint8_t> bytes(8 + header.size() + data);
  const uint64_t length = header.size();
  std::memcpy(bytes.data(), &length, 8);
  std::memcpy(bytes.data() + 8, header.data(), header.size());
  return bytes;
}

void expect_refused(const std::string& header, size_t data, const std::vector<std::string>& words = {}) {
  expect_error([&] { SafetensorsFile(file_with_header(header, data), "x.safetensors"); }, words);
}

TEST(Safetensors, RoundTripThroughAFile) {
  const TemporaryFolder folder;
  SafetensorsWriter writer;
  writer.add("a", DType::kBF16, {2}, bytes_of("1234"));
  writer.set_metadata("prompt", "a \"ball\"\nfalls");
  writer.write(folder / "x.safetensors");
  const SafetensorsFile file(folder / "x.safetensors");
  EXPECT_EQ(file.tensor("a").shape, std::vector<int64_t>{2});
  EXPECT_EQ(file.tensor("a").dtype, DType::kBF16);
  EXPECT_EQ(std::string(file.tensor("a").bytes.begin(), file.tensor("a").bytes.end()), "1234");
  EXPECT_EQ(file.metadata("prompt"), "a \"ball\"\nfalls");
  EXPECT_EQ(file.metadata("absent", "fallback"), "fallback");
  EXPECT_EQ(file.bytes(), writer.serialize());
}

TEST(Safetensors, EveryTypeKeepsItsSize) {
  for (DType dtype :
       {DType::kF32, DType::kBF16, DType::kI8, DType::kU8, DType::kI32, DType::kI64, DType::kI16}) {
    SafetensorsWriter writer;
    writer.add("t", dtype, {3}, bytes_of(std::string(3 * dtype_size(dtype), 'x')));
    const SafetensorsFile file(writer.serialize(), "memory");
    EXPECT_EQ(file.tensor("t").dtype, dtype) << dtype_name(dtype);
    EXPECT_EQ(file.tensor("t").bytes.size(), size_t(3 * dtype_size(dtype)));
  }
}

TEST(Safetensors, OrderOfAddingDoesNotChangeTheBytes) {
  SafetensorsWriter forward, backward;
  forward.add("a", DType::kU8, {1}, bytes_of("1"));
  forward.add("b", DType::kU8, {2}, bytes_of("23"));
  backward.add("b", DType::kU8, {2}, bytes_of("23"));
  backward.add("a", DType::kU8, {1}, bytes_of("1"));
  EXPECT_EQ(forward.serialize(), backward.serialize());
}

TEST(Safetensors, DataBeginsAtAMultipleOfEight) {
  uint64_t length = 0;
  std::memcpy(&length, example_file().data(), 8);
  EXPECT_EQ(length % 8, 0u);
}

TEST(Safetensors, MetadataThatIsNotUtf8IsStillReadable) {
  SafetensorsWriter writer;
  writer.set_metadata("prompt", "ball \xff\xfe");
  EXPECT_EQ(SafetensorsFile(writer.serialize(), "memory").metadata("prompt").substr(0, 5), "ball ");
}

TEST(Safetensors, AbsentTensorIsNamed) {
  const SafetensorsFile file(example_file(), "x.safetensors");
  expect_error([&] { file.tensor("nothing"); }, {"x.safetensors", "nothing"});
}

TEST(Safetensors, EveryTruncationIsAnError) {
  const std::vector<uint8_t> whole = example_file();
  for (size_t length = 0; length < whole.size(); ++length)
    expect_error(
        [&] {
          SafetensorsFile({whole.begin(), whole.begin() + int64_t(length)}, "cut.safetensors");
        },
        {"cut.safetensors"});
  EXPECT_NO_THROW(SafetensorsFile(whole, "whole"));
}

TEST(Safetensors, BytesBehindTheLastTensorAreAnError) {
  std::vector<uint8_t> bytes = example_file();
  bytes.push_back(0);
  expect_error([&] { SafetensorsFile(bytes, "x"); }, {"1 bytes after the last tensor"});
}

TEST(Safetensors, RandomBytesAreAnErrorAndNothingWorse) {
  Rng rng(1);
  for (int round = 0; round < 2000; ++round) {
    std::vector<uint8_t> bytes(rng.below(200));
    for (uint8_t& b : bytes) b = uint8_t(rng.next());
    EXPECT_THROW(SafetensorsFile(bytes, "random"), Error);
  }
}

// A changed byte either is refused or leaves tensors that lie inside the file.
TEST(Safetensors, FlippedBytesNeverReachOutsideTheFile) {
  const std::vector<uint8_t> whole = example_file();
  Rng rng(2);
  int refused = 0;
  for (int round = 0; round < 5000; ++round) {
    std::vector<uint8_t> bytes = whole;
    for (int flips = 1 + rng.below(3); flips > 0; --flips)
      bytes[rng.below(int(bytes.size()))] = uint8_t(rng.next());
    try {
      const SafetensorsFile file(bytes, "flipped");
      for (const auto& [name, tensor] : file.tensors()) {
        int64_t count = dtype_size(tensor.dtype);
        for (int64_t extent : tensor.shape) count *= extent;
        EXPECT_EQ(count, int64_t(tensor.bytes.size()));
        EXPECT_GE(tensor.bytes.data(), file.bytes().data());
        EXPECT_LE(tensor.bytes.data() + tensor.bytes.size(), file.bytes().data() + file.bytes().size());
      }
    } catch (const Error&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 1000);
}

TEST(Safetensors, HugeHeaderLengthsAreRefusedBeforeAllocating) {
  for (uint64_t length : {uint64_t(100), uint64_t(1) << 40, ~uint64_t(0), ~uint64_t(7)}) {
    std::vector<uint8_t> bytes(64, ' ');
    std::memcpy(bytes.data(), &length, 8);
    expect_error([&] { SafetensorsFile(bytes, "x"); }, {"header of"});
  }
  expect_error([&] { SafetensorsFile(file_with_header(std::string(17 << 20, ' '), 0), "x"); },
               {"more than", "allowed"});
}

TEST(Safetensors, WrongOffsetsAreRefused) {
  const auto header = [](const std::string& offsets) {
    return R"({"t":{"dtype":"U8","shape":[4],"data_offsets":)" + offsets + "}}";
  };
  EXPECT_NO_THROW(SafetensorsFile(file_with_header(header("[0,4]"), 4), "x"));
  expect_refused(header("[0,4]"), 3, {"outside the file", "tensor t"});
  expect_refused(header("[4,0]"), 4);
  expect_refused(header("[1,5]"), 5, {"gap"});
  expect_refused(header("[0,3]"), 4, {"disagree"});
  expect_refused(header("[-4,0]"), 4, {"not a size"});
  expect_refused(header("[0,4.5]"), 5, {"not a size"});
  expect_refused(header("[0,1e300]"), 4, {"not a size"});
  expect_refused(header("[0]"), 4);
  expect_refused(header("[18446744073709551612,18446744073709551616]"), 4);
  expect_refused(header("\"0,4\""), 4);
}

TEST(Safetensors, WrongShapesAreRefused) {
  const auto header = [](const std::string& shape) {
    return R"({"t":{"dtype":"F32","data_offsets":[0,8],"shape":)" + shape + "}}";
  };
  EXPECT_NO_THROW(SafetensorsFile(file_with_header(header("[2]"), 8), "x"));
  for (const char* shape :
       {"[3]", "[-2]", "[4294967296,4294967296]", "[9223372036854775807,2]", "[2.0]", "{}", "2", "[\"2\"]"})
    expect_refused(header(shape), 8);
}

TEST(Safetensors, OverlapAndRepetitionAreRefused) {
  expect_refused(
      R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}})",
      6, {"overlap"});
  const std::string t = R"("t":{"dtype":"U8","shape":[4],"data_offsets":[0,4]})";
  expect_refused("{" + t + "," + t + "}", 4, {"t occurs twice"});
}

TEST(Safetensors, HeadersOfAnotherKindAreRefused) {
  for (const char* header :
       {"", "[]", "3", "null", "{\"t\":3}", "{\"t\":{}}", "{\"__metadata__\":{\"a\":1}}",
        "{\"__metadata__\":3}", R"({"t":{"dtype":"F64","shape":[0],"data_offsets":[0,0]}})",
        R"({"t":{"dtype":4,"shape":[0],"data_offsets":[0,0]}})"})
    expect_refused(header, 0, {"x.safetensors"});
}

TEST(Safetensors, DeepNestingDoesNotExhaustTheStack) {
  expect_refused(std::string(1 << 20, '['), 0);
  expect_refused(std::string(1 << 19, '[') + std::string(1 << 19, ']'), 0);
}

}  // namespace
}  // namespace orrery
