#include "codecs/orientation.h"

#include <cmath>
#include <cstdlib>

namespace orrery {
namespace {

const uint8_t* display_matrix(const AVStream& stream) {
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(60, 31, 102)
  const AVPacketSideData* data = av_packet_side_data_get(
      stream.codecpar->coded_side_data, stream.codecpar->nb_coded_side_data, AV_PKT_DATA_DISPLAYMATRIX);
  return data && data->size >= 36 ? data->data : nullptr;
#else
  size_t size = 0;
  const uint8_t* data = av_stream_get_side_data(&stream, AV_PKT_DATA_DISPLAYMATRIX, &size);
  return size >= 36 ? data : nullptr;
#endif
}

int sign(double v) { return v < 0 ? -1 : 1; }

}  // namespace

Orientation matrix_orientation(const int32_t matrix[9]) {
  const double a = matrix[0], b = matrix[1], c = matrix[3], d = matrix[4];
  if (a == 0 && b == 0 && c == 0 && d == 0) return {};
  if (std::abs(a) + std::abs(d) >= std::abs(b) + std::abs(c)) return {sign(a), 0, 0, sign(d)};
  return {0, sign(b), sign(c), 0};
}

Orientation stream_orientation(const AVStream& stream) {
  const uint8_t* data = display_matrix(stream);
  return data ? matrix_orientation(reinterpret_cast<const int32_t*>(data)) : Orientation{};
}

// The stored x axis points to (a, b) when shown.
int Orientation::clockwise_degrees() const {
  if (a == 1) return 0;
  if (a == -1) return 180;
  return b == 1 ? 90 : 270;
}

void Orientation::apply(const Frame& stored, Frame& shown) const {
  const int width = transposes() ? stored.height : stored.width,
            height = transposes() ? stored.width : stored.height;
  shown.width = width;
  shown.height = height;
  shown.seconds = stored.seconds;
  shown.rgb.resize(size_t(width) * height * 3);
  const int x0 = a + c < 0 ? width - 1 : 0, y0 = b + d < 0 ? height - 1 : 0;
  for (int y = 0; y < stored.height; ++y) {
    const uint8_t* source = stored.at(0, y);
    for (int x = 0; x < stored.width; ++x, source += 3) {
      uint8_t* target = shown.at(x0 + a * x + c * y, y0 + b * x + d * y);
      target[0] = source[0], target[1] = source[1], target[2] = source[2];
    }
  }
}

}  // namespace orrery
