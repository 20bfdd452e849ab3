// What an eye sees of faint differences of brightness.
#pragma once

namespace orrery {

// A screen of 96 pixels an inch, seen from 60 cm.
inline constexpr double kPixelsADegree = 40;

// The inverse of the least contrast (amplitude by mean luminance) at which a wave of `cycles` a degree is
// seen half of the time, on a screen of 100 cd/m^2 and 8 degrees a side (Barten, Formula for the contrast
// sensitivity of the human eye, Proc. SPIE 5294, 2004).
double contrast_sensitivity(double cycles);

// Relative change of luminance by one level of sRGB grey (0 to 255), with a fiftieth of white added as light
// from the room.
double contrast_of_level(double level);

}  // namespace orrery
