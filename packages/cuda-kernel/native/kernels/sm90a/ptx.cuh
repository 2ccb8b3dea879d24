// The instructions of sm_90 and sm_90a that only the Hopper kernels use, each as a function:
// wgmma's control, stmatrix, flags.
#pragma once
#include "../common/ptx_sm90.cuh"

namespace w4a16::ptx {

// ---- named barriers, matrix moves

// Barrier `id` among `threads` threads (whole warps) of the CTA.
W4A16_DEVICE void namedBarrier(int id, int threads) {
  asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory");
}
W4A16_DEVICE void namedArrive(int id, int threads) {
  asm volatile("bar.arrive %0, %1;" ::"r"(id), "r"(threads) : "memory");
}
W4A16_DEVICE void storeMatrix4Transposed(uint32_t address, uint32_t x, uint32_t y, uint32_t z,
                                         uint32_t w) {
  asm volatile("stmatrix.sync.aligned.m8n8.x4.trans.shared.b16 [%0], {%1,%2,%3,%4};" ::"r"(address),
               "r"(x), "r"(y), "r"(z), "r"(w)
               : "memory");
}
W4A16_DEVICE void storeMatrix2Transposed(uint32_t address, uint32_t x, uint32_t y) {
  asm volatile("stmatrix.sync.aligned.m8n8.x2.trans.shared.b16 [%0], {%1,%2};" ::"r"(address),
               "r"(x), "r"(y)
               : "memory");
}
W4A16_DEVICE void storeSharedFloat(uint32_t address, float v) {
  asm volatile("st.shared.f32 [%0], %1;" ::"r"(address), "f"(v) : "memory");
}
W4A16_DEVICE float loadSharedFloat(uint32_t address) {
  float v;
  asm volatile("ld.shared.f32 %0, [%1];" : "=f"(v) : "r"(address) : "memory");
  return v;
}

// ---- flags between CTAs, in global memory

W4A16_DEVICE uint32_t loadAcquire(const uint32_t* p) {
  uint32_t v;
  asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(v) : "l"(p) : "memory");
  return v;
}
// From L2, where another CTA's stores are.
W4A16_DEVICE float4 loadCoherentFloat4(const float4* p) {
  float4 v;
  asm volatile("ld.relaxed.gpu.global.v4.f32 {%0,%1,%2,%3}, [%4];"
               : "=f"(v.x), "=f"(v.y), "=f"(v.z), "=f"(v.w)
               : "l"(p)
               : "memory");
  return v;
}
W4A16_DEVICE void storeRelease(uint32_t* p, uint32_t v) {
  asm volatile("st.release.gpu.global.u32 [%0], %1;" ::"l"(p), "r"(v) : "memory");
}

// ---- registers

template <int Count>
W4A16_DEVICE void takeRegisters() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(Count));
}
template <int Count>
W4A16_DEVICE void giveRegisters() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(Count));
}

// ---- wgmma

W4A16_DEVICE void wgmmaFence() {
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}
W4A16_DEVICE void wgmmaCommit() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
template <int Pending>
W4A16_DEVICE void wgmmaWait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(Pending) : "memory");
}
// A K-major operand in rows of 128 bytes with the 128-byte swizzle: groups of 8 rows are
// 1024 bytes apart. Addresses count 16 bytes (sharedOperand()): sixteen further along the reduction
// is 2.
W4A16_DEVICE uint32_t sharedOperand(uint32_t address) {
  return (address & 0x3FFFF) >> 4 | 1u << 16;
}  // with the unused stride
W4A16_DEVICE uint64_t swizzledOperand(uint32_t operand) {
  constexpr uint32_t kSwizzle128 = 1u << 30,
                     kGroupStride = 64;  // of the upper half: no carry ever leaves the lower one
  uint64_t r;
  asm("mov.b64 %0, {%1, %2};" : "=l"(r) : "r"(operand), "n"(kSwizzle128 | kGroupStride));
  return r;
}

}  // namespace w4a16::ptx
