// What an eye sees of faint differences of brightness.
#pragma once

namespace orrery {

// A screen of 96 pixels an inch, seen from 60 cm.
inline constexpr double kPixelsADegree = 40;

// The inverse of the least contrast (amplitude by mean luminance) at which a wave of `cycles` a degree is
// seen half of the time, on a screen of 100 cd/m^2 and 8 degrees a side (Barten, Formula for the contrast
// sensitivity of the human eye, Proc. SPIE 5294, 2004).
double contrast_sensitivity(double cycles);

// The same for waves that change the excitation of the blue-sensitive cones alone, at equal luminance: the inverse of
// the least relative change of that excitation (castleCSF, yellow-violet mechanism at 100 cd/m^2 and 64 square degrees;
// Ashraf et al., Journal of Vision 24(4), 2024).
double blue_contrast_sensitivity(double cycles);

// Relative change of luminance by one level of sRGB grey (0 to 255), with a fiftieth of white added as light
// from the room.
double contrast_of_level(double level);

// Relative change of the blue-sensitive cones' excitation (CIE Z) by one level of Cb (BT.709) on grey of `level`.
double blue_contrast_of_level(double level);

// What one level of Cb adds to green and blue (BT.709).
inline constexpr double kGreenOfCb = -0.18732, kBlueOfCb = 1.8556;

}  // namespace orrery
