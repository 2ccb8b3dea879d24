// All of a float32 path over the vector type Vec of an instruction set, which comes before it.
// Included into an anonymous namespace.
#include "kernels/rows.inl"
#include "kernels/float_path.inl"
#include "kernels/float_limits.inl"

template <class Vec>
constexpr Path floatPath(const char* name, decltype(Path::compute) compute = floatCompute<Vec>) {
  return {name,
          false,
          false,
          floatPackedBytes,
          floatScratchBytes,
          floatPack<Vec>,
          compute,
          floatExercise<Vec>,
          floatRead<Vec>};
}
