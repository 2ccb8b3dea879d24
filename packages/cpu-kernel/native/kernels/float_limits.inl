// What a float32 path could do at most: its multiply-adds without memory, its loads without
// multiply-adds. Included into an anonymous namespace, after float_path.inl.

// Results go here, so that the loops that made them are not dropped.
volatile float limitsSink;

template <class Vec>
double floatExercise(DType, size_t iterations) {
  constexpr int kAccumulators = Vec::kMicroRows * Vec::kMicroVectors;
  Vec acc[kAccumulators];
#pragma GCC unroll 24
  for (int i = 0; i < kAccumulators; i++) acc[i] = Vec::broadcast(float(i));
  const Vec factor = Vec::broadcast(0.5f), term = Vec::broadcast(1.f);
  for (size_t n = 0; n < iterations; n++) {
#pragma GCC unroll 24
    for (int i = 0; i < kAccumulators; i++) acc[i] = fma(acc[i], factor, term);
  }
  Vec sum = acc[0];
#pragma GCC unroll 24
  for (int i = 1; i < kAccumulators; i++) sum = sum + acc[i];
  float lanes[Vec::kLanes];
  sum.store(lanes);
  limitsSink = lanes[0];
  return 2.0 * Vec::kLanes * kAccumulators * double(iterations);
}

template <class Vec>
void floatRead(const uint8_t* from, size_t bytes) {
  constexpr int kStreams = 8;
  Vec acc[kStreams];
#pragma GCC unroll 8
  for (int i = 0; i < kStreams; i++) acc[i] = Vec::zero();
  const float* p = reinterpret_cast<const float*>(from);
  const float* end = p + bytes / sizeof(float);
  for (; p < end; p += kStreams * Vec::kLanes) {
#pragma GCC unroll 8
    for (int i = 0; i < kStreams; i++) acc[i] = acc[i] + Vec::load(p + i * Vec::kLanes);
  }
  Vec sum = acc[0];
#pragma GCC unroll 8
  for (int i = 1; i < kStreams; i++) sum = sum + acc[i];
  float lanes[Vec::kLanes];
  sum.store(lanes);
  limitsSink = lanes[0];
}
