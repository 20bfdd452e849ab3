// Bytes inside of text: pictures in a page that needs no other file.
#pragma once
#include <cstdint>
#include <span>
#include <string>

namespace orrery {

// RFC 4648, with padding, without line breaks.
std::string base64(std::span<const uint8_t> bytes);

}  // namespace orrery
