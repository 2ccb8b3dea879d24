// Independent chains of one instruction, as many as the kernels have accumulators, on registers
// alone. Included into an anonymous namespace.
constexpr int kChains = 24;

template <class Register, class Step>
inline void exerciseChains(Register zero, size_t iterations, Step step) {
  Register acc[kChains];
#pragma GCC unroll 24
  for (int i = 0; i < kChains; i++) {
    acc[i] = zero;
    asm volatile("" : "+v"(acc[i]));  // equal chains would be merged
  }
  for (size_t n = 0; n < iterations; n++) {
#pragma GCC unroll 24
    for (int i = 0; i < kChains; i++) acc[i] = step(acc[i]);
  }
  // The chains are used, as far as the compiler can tell.
#pragma GCC unroll 24
  for (int i = 0; i < kChains; i++) asm volatile("" ::"v"(acc[i]));
}
