// clips/index.html: every clip of a manifest on one page that needs nothing but the clips beside it.
#pragma once
#include <string>
#include <vector>

#include "core/json.h"

namespace orrery {

// records: as in the manifest; those that are not done are left out.
std::string gallery_html(const std::vector<Json>& records);

}  // namespace orrery
