// Clips on one page that needs nothing else: clips/index.html of a batch, with the clips beside it; and the
// benchmark's, with the clips inside it.
#pragma once
#include <string>
#include <vector>

#include "core/json.h"

namespace orrery {

struct GalleryPage {
  std::string title = "Clips";
  std::string before;  // HTML above the clips
  int columns = 0;     // clips a row; 0: as many as fit
};

// records: as in the manifest; those that are not done are left out. Beside its keys a record may have "source" (the
// film itself, as a data URL, instead of `file`), "tag" (who made it) and "note" (a line below).
std::string gallery_html(const std::vector<Json>& records, const GalleryPage& page = {});

}  // namespace orrery
