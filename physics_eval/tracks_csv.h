// Tracks as a table, out and in again: a scorer of other trackers' positions, and a record of our own.
#pragma once
#include <string>

#include "physics_eval/evaluate.h"

namespace orrery::physics_eval {

// path,track,frame,t_s,x_px,y_px,area_px2,width_px,height_px,round,r,g,b,clipped,merged,begin,end,px
std::string tracks_csv_header();
std::string tracks_csv(const Evaluation& evaluation, const std::string& path);

// By column name, in any order; needs track, frame, t_s, x_px, y_px; what is absent is taken as a steady
// round body of 20 px that is there from first to last. `path`: only rows of this clip, where the column
// exists; empty: all rows. Error, naming `source` and the line, for what is no such table.
Observation read_tracks_csv(const std::string& text, const std::string& source, const std::string& path);

}  // namespace orrery::physics_eval
