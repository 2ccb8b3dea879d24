// The PTX instructions the portable kernels use (sm_80 and up), each as a function.
#pragma once
#include <cstdint>

#define W4A16_DEVICE static __device__ __forceinline__
#define W4A16_DEVICE_METHOD __device__ __forceinline__

namespace w4a16::ptx {

W4A16_DEVICE uint32_t sharedAddress(const void* p) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(p));
}

// 16 bytes, global to shared, past L1; bytes from `valid` on are zeros. No L2 hint:
// `cp.async` with a cache policy raised an illegal instruction on an H100.
W4A16_DEVICE void copyAsync16(uint32_t dst, const void* src) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(dst), "l"(src) : "memory");
}
W4A16_DEVICE void copyAsync16(uint32_t dst, const void* src, int valid) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(dst), "l"(src), "r"(valid)
               : "memory");
}
W4A16_DEVICE void copyAsyncCommit() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}
// Waits until at most `Pending` groups of this thread are under way.
template <int Pending>
W4A16_DEVICE void copyAsyncWait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(Pending) : "memory");
}

// Barrier among the threads (whole warps) of group `group` of `Groups`; barrier 0 is the block's
// own. The number is an immediate on every path, without which compute-sanitizer cannot follow it.
template <int Groups, int Threads>
W4A16_DEVICE void groupBarrier(int group) {
  static_assert(Groups <= 4 || Threads == 32, "one case a group");
  if constexpr (Threads == 32) {
    __syncwarp();
  } else if constexpr (Groups == 1) {
    __syncthreads();
  } else {
    switch (group) {
      case 0:
        asm volatile("bar.sync 1, %0;" ::"n"(Threads) : "memory");
        break;
      case 1:
        asm volatile("bar.sync 2, %0;" ::"n"(Threads) : "memory");
        break;
      case 2:
        asm volatile("bar.sync 3, %0;" ::"n"(Threads) : "memory");
        break;
      default:
        asm volatile("bar.sync 4, %0;" ::"n"(Threads) : "memory");
    }
  }
}

template <bool Transpose>
W4A16_DEVICE void loadMatrix4(uint32_t (&r)[4], uint32_t address) {
  if constexpr (Transpose) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(address)
                 : "memory");
  } else {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(address)
                 : "memory");
  }
}

W4A16_DEVICE uint4 loadShared16(uint32_t address) {
  uint4 v;
  asm volatile("ld.shared.v4.u32 {%0,%1,%2,%3}, [%4];"
               : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
               : "r"(address)
               : "memory");
  return v;
}
W4A16_DEVICE float4 loadSharedFloat4(uint32_t address) {
  float4 v;
  asm volatile("ld.shared.v4.f32 {%0,%1,%2,%3}, [%4];"
               : "=f"(v.x), "=f"(v.y), "=f"(v.z), "=f"(v.w)
               : "r"(address)
               : "memory");
  return v;
}
W4A16_DEVICE uint32_t loadShared4(uint32_t address) {
  uint32_t v;
  asm volatile("ld.shared.u32 %0, [%1];" : "=r"(v) : "r"(address) : "memory");
  return v;
}
W4A16_DEVICE void storeShared16(uint32_t address, uint4 v) {
  asm volatile("st.shared.v4.u32 [%0], {%1,%2,%3,%4};" ::"r"(address), "r"(v.x), "r"(v.y), "r"(v.z),
               "r"(v.w)
               : "memory");
}

// Keeps a value in its register: the compiler would rather compute it again in every iteration.
W4A16_DEVICE void hold(uint32_t& value) {
  asm volatile("" : "+r"(value));
}
template <typename T>
W4A16_DEVICE void hold(T*& pointer) {
  asm volatile("" : "+l"(pointer));
}

// Byte `i` of the result is byte (selector >> 4i & 7) of {b, a}, a being bytes 0..3.
W4A16_DEVICE uint32_t permute(uint32_t a, uint32_t b, uint32_t selector) {
  uint32_t r;
  asm("prmt.b32 %0, %1, %2, %3;" : "=r"(r) : "r"(a), "r"(b), "r"(selector));
  return r;
}

// (x & mask) | bits
template <uint32_t Mask, uint32_t Bits>
W4A16_DEVICE uint32_t maskOr(uint32_t x) {
  uint32_t r;
  asm("lop3.b32 %0, %1, %2, %3, 0xEA;" : "=r"(r) : "r"(x), "n"(Mask), "n"(Bits));
  return r;
}

}  // namespace w4a16::ptx
