// The instructions that sm_90 brought and kernels of several kinds use, each as a function:
// mbarriers, the copy engine, clusters.
#pragma once
#include <cuda.h>

#include "ptx.cuh"

namespace w4a16::ptx {

// ---- mbarrier, in the shared memory of this CTA

W4A16_DEVICE void barrierInit(uint32_t barrier, uint32_t arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals) : "memory");
}
// Makes initialized barriers visible to the copy engine and to the other CTA of the cluster.
W4A16_DEVICE void barrierInitFence() {
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}
W4A16_DEVICE void barrierArrive(uint32_t barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory");
}
W4A16_DEVICE void barrierExpect(uint32_t barrier, uint32_t bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes)
               : "memory");
}
W4A16_DEVICE bool barrierTry(uint32_t barrier, uint32_t parity) {
  uint32_t done;
  asm volatile(
      "{\n.reg .pred p;\n"
      "mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2;\n"
      "selp.u32 %0, 1, 0, p;\n}\n"
      : "=r"(done)
      : "r"(barrier), "r"(parity)
      : "memory");
  return done;
}
// No trap in here: a trap makes ptxas 13.0 serialize the wgmmas around it (C7512).
W4A16_DEVICE void barrierWait(uint32_t barrier, uint32_t parity) {
#ifdef W4A16_WAIT_LIMIT  // for bringing a kernel up: a deadlock becomes a wrong result
  for (int i = 0; i < W4A16_WAIT_LIMIT && !barrierTry(barrier, parity); i++) {
  }
#else
  while (!barrierTry(barrier, parity)) {
  }
#endif
}

// ---- copies into shared memory that count their bytes on an mbarrier

// `bytes` and both addresses: multiples of 16.
W4A16_DEVICE void bulkLoad(uint32_t dst, const void* src, uint32_t bytes, uint32_t barrier) {
  asm volatile(
      "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::
          "r"(dst),
      "l"(src), "r"(bytes), "r"(barrier)
      : "memory");
}
W4A16_DEVICE void prefetchMap(const CUtensorMap* map) {
  asm volatile("prefetch.tensormap [%0];" ::"l"(map) : "memory");
}
// A box of shared memory to global memory; what lies outside of the tensor is not stored.
W4A16_DEVICE void tensorStore(const CUtensorMap* map, uint32_t src, int c0, int c1) {
  asm volatile(
      "cp.async.bulk.tensor.2d.global.shared::cta.bulk_group [%0, {%2, %3}], [%1];" ::"l"(map),
      "r"(src), "r"(c0), "r"(c1)
      : "memory");
}
W4A16_DEVICE void storeCommit() {
  asm volatile("cp.async.bulk.commit_group;" ::: "memory");
}
// Waits until at most `Pending` of this thread's groups of stores have yet to read their shared
// memory.
template <int Pending>
W4A16_DEVICE void storeWaitRead() {
  asm volatile("cp.async.bulk.wait_group.read %0;" ::"n"(Pending) : "memory");
}
// Orders this thread's writes to shared memory before the copy engine's reads.
W4A16_DEVICE void storeFence() {
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}
W4A16_DEVICE void tensorLoad2(uint32_t dst, const CUtensorMap* map, uint32_t barrier, int c0,
                              int c1) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, "
      "%4}], [%2];" ::"r"(dst),
      "l"(map), "r"(barrier), "r"(c0), "r"(c1)
      : "memory");
}
W4A16_DEVICE void tensorLoad(uint32_t dst, const CUtensorMap* map, uint32_t barrier, int c0, int c1,
                             int c2) {
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, "
      "%4, %5}], [%2];" ::"r"(dst),
      "l"(map), "r"(barrier), "r"(c0), "r"(c1), "r"(c2)
      : "memory");
}

// ---- clusters

// Relaxed: what the other CTA may see by then is ordered otherwise (barrierInitFence()). A
// releasing arrival would be a memory barrier of the whole GPU for every warp.
W4A16_DEVICE void clusterArrive() {
  asm volatile("barrier.cluster.arrive.relaxed.aligned;" ::: "memory");
}
W4A16_DEVICE void clusterWait() {
  asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
}
// The address of the same place in CTA `rank` of the cluster.
W4A16_DEVICE uint32_t mapShared(uint32_t address, uint32_t rank) {
  uint32_t r;
  asm volatile("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(r) : "r"(address), "r"(rank));
  return r;
}
// A store into a CTA of the cluster that counts its 16 bytes on a barrier of that CTA.
W4A16_DEVICE void storeAsync(uint32_t address, uint32_t barrier, float x, float y, float z,
                             float w) {
  asm volatile(
      "st.async.shared::cluster.mbarrier::complete_tx::bytes.v4.f32 [%0], {%2,%3,%4,%5}, [%1];" ::
          "r"(address),
      "r"(barrier), "f"(x), "f"(y), "f"(z), "f"(w)
      : "memory");
}

// ---- registers

// hold() of a value.
W4A16_DEVICE uint32_t held(uint32_t x) {
  hold(x);
  return x;
}
// A value that is the same in all lanes, and that the compiler then knows to be: it can live in a
// uniform register.
template <typename T>
W4A16_DEVICE T uniform(T x) {
  return __shfl_sync(0xffffffffu, x, 0);
}
// True in one lane of a converged warp. The copy engine's instructions take uniform registers;
// under this condition the compiler knows that one lane issues them, under any other it writes a
// loop over lanes.
W4A16_DEVICE bool elected() {
  uint32_t r;
  asm volatile("{\n.reg .pred p;\nelect.sync _|p, 0xffffffff;\nselp.u32 %0, 1, 0, p;\n}\n"
               : "=r"(r));
  return r != 0;
}

}  // namespace w4a16::ptx
