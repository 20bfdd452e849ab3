// The report: one HTML file that needs nothing else, and the same figures as JSON.
#pragma once
#include <string>
#include <vector>

#include "cli/inspect_clip.h"
#include "cli/inspect_edit.h"
#include "cli/inspect_probes.h"

namespace orrery {

struct Inspection {
  InspectedClip clip;
  UnifiedTransformerConfig config;
  std::string model;   // Generator::hash()
  std::string source;  // the video that was asked about; empty for a prompt
  std::vector<VelocityEdit> edits;
  std::optional<ProbeReport> probes;
  int layer = 0;  // shown first
};

// Figures alone: no pictures, no token's own route.
Json inspection_json(const Inspection& inspection);
std::string inspection_html(const Inspection& inspection);

// The page around its data (inspect_page.cpp).
std::string inspection_page(const std::string& data);

}  // namespace orrery
