// Family::Pair. The two CTAs of a cluster compute one output tile, each over half of the reduction;
// inside a CTA, groups of warpgroups take the stages in turn. Then partial sums meet: CTA r of the
// pair owns every second unit of 8 tokens (parity r), and everyone sends what
// the others own through distributed shared memory. The owner adds in a fixed order.
// One launch, no workspace, and two CTAs to a tile, since larger clusters do not fill the chip
// (at most 120 of 132 SMs with clusters of 4).
#pragma once
#include "multiply.cuh"
#include "output.cuh"

namespace w4a16::sm90a {

template <typename T, int ShapeIndex, int Units>
struct Exchange {
  using R = Ring<ShapeIndex, Units>;
  static constexpr Shape kShape = R::kShape;
  static constexpr int kOwned = kShape.tokens / 16;      // units of 8 tokens a CTA owns
  static constexpr int kSources = 2 * kShape.groups - 1;  // partial sums that arrive for a unit; one more stays in registers
  static constexpr int kPartBytes = 128 * 16;             // one warpgroup's share of a unit: a float4 a thread
  static constexpr int kBytes = kShape.rows * kOwned * kSources * kPartBytes;

  const R& ring;
  const Arguments& args;
  const int rank, row, group, thread;

  __device__ __forceinline__ uint32_t part(int unit, int source) const {
    return ring.extra() + ((row * kOwned + unit) * kSources + source) * kPartBytes + thread * 16;
  }

  // Sources 0 .. groups−1 are the peer's groups, the rest this CTA's groups from 1 on.
  __device__ __forceinline__ void send(const float* sum) const {
    constexpr int kStep = kSources * kPartBytes;
    const uint32_t peerBarrier = ptx::mapShared(ring.received(), rank ^ 1), ownBarrier = ptx::mapShared(ring.received(), rank);
    const uint32_t peer = ptx::mapShared(part(0, group), rank ^ 1), own = ptx::mapShared(part(0, kShape.groups + group - 1), rank);
#pragma unroll
    for (int u = 0; u < kOwned; u++) {
      const float* v = sum + 8 * u;  // units 2u (v[0..3]) and 2u + 1 (v[4..7])
      ptx::storeAsync(peer + u * kStep, peerBarrier, rank ? v[0] : v[4], rank ? v[1] : v[5], rank ? v[2] : v[6], rank ? v[3] : v[7]);
      if (kShape.groups > 1 && group > 0)
        ptx::storeAsync(own + u * kStep, ownBarrier, rank ? v[4] : v[0], rank ? v[5] : v[1], rank ? v[6] : v[2], rank ? v[7] : v[3]);
    }
  }

  // Group 0: this thread's four sums of owned unit u, complete. Own groups first, then the peer's.
  __device__ __forceinline__ void total(float (&t)[4], const float* sum, int u) const {
#pragma unroll
    for (int i = 0; i < 4; i++) t[i] = rank ? sum[8 * u + 4 + i] : sum[8 * u + i];
#pragma unroll
    for (int i = 0; i < kSources; i++) {
      const float4 v = ptx::loadSharedFloat4(part(u, i < kShape.groups - 1 ? kShape.groups + i : i - (kShape.groups - 1)));
      t[0] += v.x, t[1] += v.y, t[2] += v.z, t[3] += v.w;
    }
  }

  __device__ __forceinline__ void store(const float* sum, int firstToken, int firstFeature, int warp, int lane) const {
    const int feature = firstFeature + warp * 16 + lane / 4;
    float owned[4 * kOwned];
#pragma unroll
    for (int u = 0; u < kOwned; u++) {
      float t[4];
      total(t, sum, u);
#pragma unroll
      for (int i = 0; i < 4; i++) owned[4 * u + i] = t[i];
    }
    scaleAndBias(args, owned, feature);
    const auto tokenOf = [&](int u) { return firstToken + (2 * u + rank) * 8; };
    if (storesVectors(args, firstFeature)) {
      const uint32_t staging = ring.base + row * (kOwned * 1024);  // over the ring, which everyone is done with
      const uint32_t to = staging + stagingOffset(lane & 7, 2 * warp + (lane >> 3 & 1));
#pragma unroll
      for (int u = 0; u < kOwned; u++)
        ptx::storeMatrix2Transposed(to + u * 1024, roundPair<T>(owned[4 * u], owned[4 * u + 1]), roundPair<T>(owned[4 * u + 2], owned[4 * u + 3]));
      ptx::namedBarrier(1 + row, 128);
      const int piece = thread % 8, first = thread / 64;
      const uint32_t from = staging + stagingOffset(thread / 8 % 8, piece);
      int token = tokenOf(first) + thread / 8 % 8;
      T* out = static_cast<T*>(args.out) + token * args.outStride + firstFeature + piece * 8;
#pragma unroll 4
      for (int u = first; u < kOwned; u += 2, token += 32, out += 32 * args.outStride)
        if (token < args.tokens) *reinterpret_cast<uint4*>(out) = ptx::loadShared16(from + u * 1024);
    } else {
#pragma unroll
      for (int i = 0; i < 4 * kOwned; i++) storeElement<T>(args, tokenOf(i / 4) + lane % 4 * 2 + i % 2, feature + i / 2 % 2 * 8, owned[i]);
    }
  }
};

template <typename T, int ShapeIndex, int Units, bool Transposed>
__global__ void __launch_bounds__(kShapes[ShapeIndex].threads(), 1) pairKernel(const __grid_constant__ CUtensorMap x, const __grid_constant__ Arguments args) {
  using R = Ring<ShapeIndex, Units>;
  constexpr Shape kShape = R::kShape;
  constexpr int kConsumers = kShape.warpgroups() * 128;
  constexpr int kStages = R::kLayout.stages;
  enum { kLoaderBarrier = 13, kRingBarrier = 14, kStartBarrier = 15 };
  extern __shared__ uint8_t shared[];
  const R ring{ptx::held((ptx::sharedAddress(shared) + SharedLayout::kAlignment - 1) & ~(SharedLayout::kAlignment - 1u))};

  const int warpgroup = __shfl_sync(0xffffffff, static_cast<int>(threadIdx.x >> 7), 0);  // uniform, and known to be
  const int lane = ptx::held(threadIdx.x & 31);
  const int rank = static_cast<int>(ptx::clusterRank());
  const int tile = blockIdx.x / 2, across = tile % args.tilesAcross, firstToken = tile / args.tilesAcross * kShape.tokens;
  const int stages = ceilDiv(args.chunks, kShape.chunks);
  const int begin = stages * rank / 2, count = stages * (rank + 1) / 2 - begin;

  if (warpgroup == kShape.warpgroups()) {
    if constexpr (kShape.wide()) ptx::giveRegisters<kLoaderRegisters>();
    using L = Loader<ShapeIndex, Units, Transposed>;
    const int role = (threadIdx.x >> 5) - kConsumers / 32;
    if (threadIdx.x == kConsumers) {
      ring.initBarriers();
      ptx::barrierInit(ring.received(), 1);
      ptx::barrierExpect(ring.received(), Exchange<T, ShapeIndex, Units>::kBytes);
      ptx::barrierInitFence();
    }
    __syncwarp();
    ptx::clusterArrive();
    if (role < L::kWarps) {
      ptx::namedBarrier(kLoaderBarrier, L::kWarps * 32);
      if (role == 0) ptx::namedArrive(kStartBarrier, kConsumers + 32);
      if (lane == 0) {
        L loader(ring, args, &x, role);
        loader.aim(across, firstToken);
        for (int i = 0; i < count; i++) {
          if (i >= kStages) ptx::barrierWait(ring.empty(i % kStages), ((i / kStages) & 1) ^ 1);
          loader.load(i % kStages, begin + i);
        }
      }
      __syncwarp();
    }
    ptx::clusterWait();
  } else {
    if constexpr (kShape.wide()) ptx::takeRegisters<kMultiplierRegisters>();
    ptx::clusterArrive();
    const int row = warpgroup % kShape.rows, group = warpgroup / kShape.rows, thread = ptx::held(threadIdx.x & 127), warp = thread >> 5;
    Multiplier<T, ShapeIndex, Units, Transposed> multiplier(ring, args, row, warp, lane);
    multiplier.clear();
    ptx::namedBarrier(kStartBarrier, kConsumers + 32);  // barriers are initialized
    int previous = -1;
    for (int i = group; i < count; i += kShape.groups) {
      const int slot = i % kStages;
      ptx::barrierWait(ring.full(slot), (i / kStages) & 1);
      multiplier.stage(slot, previous);
      previous = slot;
    }
    multiplier.finish();
    ptx::clusterWait();  // the peer's barrier is initialized
    const Exchange<T, ShapeIndex, Units> exchange{ring, args, rank, row, group, thread};
    exchange.send(multiplier.sum);
    if (group == 0) ptx::barrierWait(ring.received(), 0);
    ptx::namedBarrier(kRingBarrier, kConsumers);  // everyone is done with the ring
    if (group == 0) exchange.store(multiplier.sum, firstToken, (across * kShape.rows + row) * 64, warp, lane);
  }
}

}  // namespace w4a16::sm90a
