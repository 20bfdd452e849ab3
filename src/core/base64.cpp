#include "core/base64.h"

#include <openssl/evp.h>

namespace orrery {

std::string base64(std::span<const uint8_t> bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');  // and EVP_EncodeBlock's terminating zero
  text.resize(size_t(EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes.data(), int(bytes.size()))));
  return text;
}

}  // namespace orrery
