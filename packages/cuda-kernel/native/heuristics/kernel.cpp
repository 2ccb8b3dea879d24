#include "kernel.hpp"

#include "../kernels/sm80/launch.hpp"

namespace w4a16::heuristics {

bool fitsWorkspace(const sm90a::Plan& plan) {
  return sm90a::workspaceBytes(plan) <= sm80::kWorkspaceBytes &&
         sm90a::counterCount(plan) <= sm80::kWorkspaceCounters;
}

const char* withoutHopper(int major, int minor, Preference preference) {
  if (preference == Preference::Portable) return "the portable kernel was asked for";
  if (major != 9 || minor != 0) return "they run on compute capability 9.0 only";
  return sm90a::built() ? nullptr : "this build has no kernels for sm_90a";
}

Kernel chooseKernel(const FusedProblem& p, const char* refused, int arch, int multiprocessors,
                    Preference preference) {
  Kernel kernel{choose(p, arch, multiprocessors), {}, refused};
  if (refused) return kernel;
  kernel.hopper = chooseHopper(p, multiprocessors);
  if (!fitsWorkspace(kernel.hopper)) {
    kernel.notHopper = "the plan's partial sums do not fit the workspace";
  } else if (preference != Preference::Hopper && kernel.portable.tile >= 0 &&
             kernel.portable.microseconds < kernel.hopper.microseconds) {
    kernel.notHopper = "the portable kernel is expected to be faster";
  }
  return kernel;
}

}  // namespace w4a16::heuristics
