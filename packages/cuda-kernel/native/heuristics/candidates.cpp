#include "candidates.hpp"

#include <algorithm>

#include "../kernels/sm80/launch.hpp"
#include "sm90a_costs.hpp"

namespace w4a16::heuristics {
namespace {

// The models are within a third of what was measured; what they call this much slower than the best
// is not tried.
constexpr float kPortableMargin = 2.f, kHopperMargin = 1.6f;
constexpr const char* kTuned = "measured to be the fastest";

std::string portableName(const Choice& choice) {
  const sm80::TileShape& t = sm80::kTiles[choice.tile];
  std::string name = "mma " + std::to_string(t.features) + "x" + std::to_string(t.tokens);
  if (t.groups > 1) name += " in " + std::to_string(t.groups) + " groups";
  if (choice.splits > 1) name += ", reduction in " + std::to_string(choice.splits) + " parts";
  return name;
}

void addPortable(const FusedProblem& p, const Kernel& chosen, int arch, int multiprocessors,
                 std::vector<Candidate>& found) {
  const int64_t chunks = ceilDiv<int64_t>(p.transposed ? p.N : p.K, 64);
  for (int t = 0; t < sm80::kTileCount; t++) {
    if (!sm80::runsOn(sm80::kTiles[t], groupingOf(p.groupSize, p.K), p.transposed, arch)) continue;
    for (int splits : kSplits) {
      if (splits > 1 &&
          (splits * sm80::kTiles[t].groups > chunks || !sm80::fitsWorkspace(p, t, splits)))
        break;
      const float us = estimate(p, t, splits, arch, multiprocessors);
      if (us > kPortableMargin * chosen.portable.microseconds) continue;
      Kernel kernel = chosen;
      kernel.portable = {t, splits, us};
      kernel.notHopper = kTuned;
      found.push_back({portableName(kernel.portable), kernel, us});
    }
  }
}

void addHopper(const FusedProblem& p, const Kernel& chosen, int multiprocessors,
               std::vector<Candidate>& found) {
  for (int shape = 0; shape < sm90a::kShapeCount; shape++)
    for (int parts = 1; parts <= kHopperMaxParts; parts++) {
      const sm90a::Plan plan = estimated(p, shape, parts, multiprocessors);
      if ((parts > 1 && plan.schedule.parts != parts) || !fitsWorkspace(plan)) continue;
      if (plan.microseconds > kHopperMargin * chosen.hopper.microseconds) continue;
      Kernel kernel = chosen;
      kernel.hopper = plan;
      kernel.notHopper = nullptr;
      found.push_back({nameOf(kernel), kernel, plan.microseconds});
    }
}

}  // namespace

std::string nameOf(const Kernel& kernel) {
  return kernel.notHopper ? portableName(kernel.portable) : "wgmma " + sm90a::nameOf(kernel.hopper);
}

std::vector<Candidate> candidates(const FusedProblem& p, const char* refused, int arch,
                                  int multiprocessors, Preference preference) {
  std::vector<Candidate> found;
  const Kernel chosen = chooseKernel(p, refused, arch, multiprocessors, preference);
  if (preference != Preference::Hopper || refused)
    addPortable(p, chosen, arch, multiprocessors, found);
  if (!refused) addHopper(p, chosen, multiprocessors, found);
  const std::string first = nameOf(chosen);
  std::sort(found.begin(), found.end(), [&](const Candidate& a, const Candidate& b) {
    const bool aFirst = a.name == first, bFirst = b.name == first;
    return aFirst != bFirst ? aFirst : a.microseconds < b.microseconds;
  });
  return found;
}

}  // namespace w4a16::heuristics
