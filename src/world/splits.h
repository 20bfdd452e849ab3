// Splits by construction: which scenes training may see. Decided by rules over names, so that adding a family
// moves nothing between splits.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/scene.h"

namespace orrery {

// train; id: the same ranges, other seeds; ood: one of speed, size or mass ratio outside training's ranges;
// combo: at least one object with a (family, colour, shape) that train and id never show.
enum class Split : int { kTrain, kId, kOod, kCombo };
inline constexpr std::array<std::string_view, 4> kSplitNames = {"train", "id", "ood", "combo"};

std::string_view split_name(Split split);
Split parse_split(const std::string& name);  // UsageError for an unknown name

// Every (family, shape) holds out exactly one of the ten colours.
bool is_held_out(std::string_view family, int color, Shape shape);
int held_out_color(std::string_view family, Shape shape);

// Own random stream for every split: equal seeds in two splits have nothing in common.
uint64_t split_stream(Split split);

}  // namespace orrery
