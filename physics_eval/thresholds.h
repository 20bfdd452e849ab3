// Every number that decides a verdict, with its unit and where it comes from. A change here is a new version:
// scores of different versions are not comparable.
#pragma once
#include <array>
#include <string_view>

namespace orrery::physics_eval {

inline constexpr std::string_view kEvaluatorVersion = "0.8";
inline constexpr std::string_view kThresholdsVersion = "2026-11-g";

struct Threshold {
  std::string_view name;
  double value;
  std::string_view unit, source;
};

// Seeing: working resolution, levels of 8-bit colour, pixels of the working image.
inline constexpr Threshold kWorkingWidth{"working_width", 640, "px", "a ball of 1 % of the width stays 6 px wide"};
inline constexpr Threshold kContrastLow{"contrast_low", 9, "levels", "twice the block noise of H.264 at CRF 18 to 23"};
inline constexpr Threshold kContrastHigh{"contrast_high", 20, "levels", "a part of every object must stand out this much"};
inline constexpr Threshold kNoiseFactorLow{"noise_factor_low", 4, "sigma", "false alarms below 1e-4 a pixel, Gaussian noise"};
inline constexpr Threshold kNoiseFactorHigh{"noise_factor_high", 8, "sigma", "the seed of an object is never noise"};
inline constexpr Threshold kEdgeStep{"edge_step", 11, "levels", "between neighbouring pixels: half of the weakest outline, above textures"};
inline constexpr Threshold kPlainRoom{"plain_room", 16, "levels", "floor tiles and planks differ from their row by less"};
inline constexpr Threshold kShadowDarkest{"shadow_darkest", 0.28, "ratio", "contact shadows keep a quarter of the light or more"};
inline constexpr Threshold kShadowChroma{"shadow_chroma", 12, "levels", "a shadow changes brightness, not chromaticity"};
inline constexpr Threshold kShadowSlope{"shadow_slope", 0.13, "1/px", "penumbras are soft, outlines of bodies are not"};
inline constexpr Threshold kStrongPart{"strong_part", 0.3, "of median", "chosen by eye on generated falls, not measured"};
inline constexpr Threshold kSteadierCore{"steadier_core", 0.9, "of jitter", "0.7 and 0.9 tried on 16 generated falls; 0.9 gave g in more, real clips kept their scores"};
inline constexpr Threshold kAppendage{"appendage", 0.4, "of radius", "strings, rods and arms are thinner than what they hold"};
inline constexpr Threshold kMinArea{"min_area", 14, "px", "smaller regions have no usable centroid"};
inline constexpr Threshold kRound{"round", 0.78, "of enclosing circle", "disc 0.9 to 1, square 0.64, hexagon 0.83"};
inline constexpr Threshold kBodyRound{"body_round", 0.45, "of enclosing circle", "a 2:1 brick has 0.51; arms, rods and cords have less"};
inline constexpr Threshold kTwinRound{"twin_round", 0.12, "of enclosing circle", "two outlines of one shape, seen against other backgrounds, differ by less"};
inline constexpr Threshold kBodyJitter{"body_jitter", 0.2, "of area, a frame", "measured: balls and boxes below 0.03"};
inline constexpr Threshold kMinShare{"min_share", 0.1, "of area", "pieces that come off a mask are smaller than this beside the body"};
inline constexpr Threshold kMaxRegions{"max_regions", 24, "regions", "twice the objects of the largest scene: the camera shook"};
inline constexpr Threshold kMaxForeground{"max_foreground", 0.5, "of frame", "more than half changed: a cut or a moving camera"};

inline constexpr Threshold kCameraShift{"camera_shift", 1.2, "px", "a tripod on a wooden floor stays below 0.5"};
inline constexpr Threshold kCutLikeness{"cut_likeness", 0.6, "correlation", "frames of one shot have 0.9 and more, of two shots 0.4 and less"};

// Following.
inline constexpr Threshold kMinTrackFrames{"min_track_frames", 6, "frames", "a quadratic needs 3, a cubic 4, a verdict more"};
inline constexpr Threshold kMaxMissed{"max_missed", 0.25, "s", "occlusion behind a thing of the object's own size"};
inline constexpr Threshold kMinTravel{"min_travel", 3, "px", "ten times the centroid noise"};

// Laws. Effects have no unit; `tolerance` is where the quality of a law is one half.
inline constexpr Threshold kFitNoiseFloor{"fit_noise_floor", 0.12, "px", "centroid noise of antialiased discs, measured 0.03 to 0.1"};
inline constexpr Threshold kCentroidDrift{"centroid_drift", 0.01, "diameters", "mask bias where the background changes under the object"};
inline constexpr Threshold kEdgeBias{"edge_bias", 0.95, "px x px of radius", "shift of a centroid from wall to floor: rms 0.10 for radii of 10 px, 0.18 for 5; 48 rendered balls"};
inline constexpr Threshold kKnotPenalty{"knot_penalty", 40, "nats", "six parameters by BIC at 300 samples, doubled"};
inline constexpr Threshold kMostShake{"most_shake", 4, "of noise", "centroids in motion against those of all frames; more is no noise"};
inline constexpr Threshold kMinFlightFrames{"min_flight_frames", 6, "frames", "two more than a cubic has parameters"};
inline constexpr Threshold kMinFlightTravel{"min_flight_travel", 0.5, "diameters", "a box tipping over an edge lifts its centre by 0.2"};
inline constexpr Threshold kMinSagitta{"min_sagitta", 0.12, "diameters", "how far a flight must bend: hops lower than that are part of rolling"};
inline constexpr Threshold kTippingDrop{"tipping_drop", 0.71, "diameters", "half the diagonal of a square: more is no tipping over"};
inline constexpr Threshold kFlightAngle{"flight_angle", 20, "degrees", "gravity is down the picture: hand-held tilt"};
inline constexpr Threshold kResidualTolerance{"residual_tolerance", 0.008, "of travel",
                                              "real 0.0025, generated 0.008 to 0.095 (naive fits on lab clips)"};
inline constexpr Threshold kCubicTolerance{"cubic_tolerance", 0.03, "of travel", "drag of a ball of 5 m/s over 1 m stays below 0.01"};
inline constexpr Threshold kGravityTolerance{"gravity_tolerance", 0.15, "of mean", "depth differences change px per metre by a tenth"};
inline constexpr Threshold kRestitutionSlack{"restitution_slack", 0.10, "", "spin turns into height; timing of contact within a frame"};
inline constexpr Threshold kEnergyTolerance{"energy_tolerance", 0.12, "of range", "as for restitution"};
inline constexpr Threshold kMaxDrag{"max_drag", 0.5, "k T", "a table-tennis ball after one second of fall has 0.4"};
inline constexpr Threshold kDropTolerance{"drop_tolerance", 0.1, "of height", "as residuals of real drops; a push is more"};
inline constexpr Threshold kMomentumTolerance{"momentum_tolerance", 0.15, "(1 + cos) / 2", "45 degrees from antiparallel"};
inline constexpr Threshold kSeparationSlack{"separation_slack", 0.2, "of approach", "as for restitution, with two centroids instead of one"};
inline constexpr Threshold kSpunSeparation{"spun_separation", 2, "of separation_slack", "a corner of a box that tumbles as it falls moves about as fast as its centre"};
inline constexpr Threshold kMassTolerance{"mass_tolerance", 0.3, "log ratio", "two velocity changes of 10 % error each, doubled"};
inline constexpr Threshold kArcTolerance{"arc_tolerance", 0.03, "of travel", "a string that gives, a view from the side; parabolas depart more"};
inline constexpr Threshold kPendulumTolerance{"pendulum_tolerance", 0.08, "of amplitude", "string, lens and view of two real pendulums leave 0.01 to 0.04"};
inline constexpr Threshold kPivotTolerance{"pivot_tolerance", 0.05, "of length", "as for the arc"};
inline constexpr Threshold kGrowth{"growth", 0.02, "of sqrt(k)", "a swing that gains an eighth of its amplitude a period"};
inline constexpr Threshold kLevel{"level", 6, "degrees", "a hand-held horizon"};
inline constexpr Threshold kSurfaceTolerance{"surface_tolerance", 0.03, "of travel", "as the cubic term of flights"};
inline constexpr Threshold kSteady{"steady", 0.1, "of the way", "what rolling resistance of 0.01 g makes of 2 m at 1 m/s; a start from rest makes all of it"};
inline constexpr Threshold kSteadyTolerance{"steady_tolerance", 0.65, "", "a law of its own at 0.3: terminal speed, a belt, a hand are lawful, so no verdict by itself"};
inline constexpr Threshold kSteadyTravel{"steady_travel", 3, "diameters", "a free fall of as much takes a ball of 10 cm a quarter of a second"};
inline constexpr Threshold kColorTolerance{"color_tolerance", 0.08, "of brightness", "shares of red and green; a third of the way from red to orange"};
inline constexpr Threshold kShapeTolerance{"shape_tolerance", 0.16, "of enclosing circle", "two thirds of the way from a disc to a square"};
inline constexpr Threshold kSizeTolerance{"size_tolerance", 0.35, "log area", "a blur as long as a third of the object"};
inline constexpr Threshold kIdentityTravel{"identity_travel", 3, "diameters", "reflections and flicker stay within two"};
inline constexpr Threshold kImpulseTolerance{"impulse_tolerance", 0.25, "of speed range", "a kink seen by eye"};
inline constexpr Threshold kSignificance{"significance", 4, "sigma", "one false alarm in 16,000 tests"};
inline constexpr Threshold kTeleportJump{"teleport_jump", 2.5, "diameters", "beyond prediction, in one frame"};
inline constexpr Threshold kSpeedRamp{"speed_ramp", 0.15, "of speed", "g then changes by a third: twice what depth does to it"};
inline constexpr Threshold kSameLine{"same_line", 0.1, "of width", "feet of two things that touch differ by less; things behind each other stand on other lines"};
inline constexpr Threshold kHalt{"halt", 3, "frames", "one or two equal frames are a stutter of recording or transport"};
inline constexpr Threshold kScaleError{"scale_error", 0.02, "of scale", "a ruler in the picture, read to a pixel or two in a hundred"};
inline constexpr Threshold kDepthError{"depth_error", 0.02, "of scale", "what flies is 4 cm nearer or farther than the ruler, seen from 2 m"};
inline constexpr Threshold kTilt{"tilt", 5, "degrees", "a camera that was not levelled"};
inline constexpr Threshold kConsistent{"consistent", 50, "score", "a law at its tolerance"};

inline constexpr std::array kThresholds = {
    kWorkingWidth, kContrastLow, kContrastHigh, kNoiseFactorLow, kNoiseFactorHigh, kEdgeStep, kPlainRoom, kShadowDarkest, kShadowChroma,
    kShadowSlope, kStrongPart, kSteadierCore, kAppendage, kMinArea, kRound, kBodyRound, kTwinRound, kBodyJitter, kMinShare, kMaxRegions,
    kMaxForeground, kCameraShift, kCutLikeness, kMinTrackFrames, kMaxMissed, kMinTravel, kFitNoiseFloor, kCentroidDrift, kEdgeBias, kKnotPenalty,
    kMostShake, kMinFlightFrames, kMinFlightTravel, kMinSagitta, kTippingDrop, kFlightAngle, kResidualTolerance, kCubicTolerance, kGravityTolerance, kRestitutionSlack,
    kEnergyTolerance, kMaxDrag, kDropTolerance, kMomentumTolerance, kSeparationSlack, kSpunSeparation, kMassTolerance, kArcTolerance, kPendulumTolerance,
    kPivotTolerance, kGrowth, kLevel, kSurfaceTolerance, kSteady, kSteadyTolerance, kSteadyTravel, kColorTolerance, kShapeTolerance, kSizeTolerance, kIdentityTravel, kImpulseTolerance, kSignificance, kTeleportJump, kSpeedRamp, kSameLine, kHalt, kScaleError, kDepthError, kTilt, kConsistent};

}  // namespace orrery::physics_eval
