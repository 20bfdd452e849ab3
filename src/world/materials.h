// What a material does: restitution, friction and density, in the order of kMaterialNames.
#pragma once
#include <array>

#include "core/scene.h"

namespace orrery {

struct Material {
  double restitution;  // against the floor or a ramp, which count as rigid
  double friction;     // Coulomb, static = kinetic (Box2D knows one coefficient), against the floor or a ramp
  double density;      // kg per m^2 of cross-section
};

// Restitution and friction: order of handbook values, spread so that every material behaves visibly differently.
// Friction stays below 1: a box whose friction exceeds 1 tips over instead of sliding.
// Density: real ratios are compressed (steel/wood 6.7 instead of 13) because sequential impulses converge slowly
// at mass ratios beyond about 10; the values make a 0.3 m rubber ball 2.8 kg.
inline constexpr std::array<Material, kMaterialNames.size()> kMaterials = {{
    {0.82, 0.70, 10.0},  // rubber
    {0.45, 0.40, 6.0},   // wood
    {0.60, 0.25, 40.0},  // steel
    {0.20, 0.04, 9.0},   // ice
    {0.02, 0.60, 18.0},  // clay
}};

}  // namespace orrery
