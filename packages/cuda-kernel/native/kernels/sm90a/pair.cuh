// Family::Pair. The two CTAs of a cluster compute one output tile, each over half of the reduction;
// inside a CTA, groups of warpgroups take the stages in turn. Then partial sums meet: CTA r of the
// pair owns every second unit of 8 tokens (parity r), or of the widest tiles one half of the
// tokens, and everyone sends what the others own through distributed shared memory. The owner adds
// in a fixed order. One launch, no workspace, and two CTAs to a tile, since larger clusters do not
// fill the chip (at most 120 of 132 SMs with clusters of 4).
#pragma once
#include "multiply.cuh"
#include "output.cuh"

namespace w4a16::sm90a {

template <typename T, typename R>
struct Exchange {
  static constexpr Shape kShape = R::kShape;
  static constexpr int kOwned = kShape.tokens / 16;  // units of 8 tokens a CTA owns
  static constexpr int kSources =
      2 * kShape.groups - 1;  // partial sums that arrive for a unit; one more stays in registers
  static constexpr int kPartBytes = 128 * 16;  // one warpgroup's share of a unit: a float4 a thread
  static constexpr int kRowBytes = kOwned * kSources * kPartBytes;  // arriving for 64 features

  const R& ring;
  const Arguments& args;
  const int rank, row, group, thread;

  __device__ __forceinline__ uint32_t part(int unit, int source) const {
    return ring.extra() + ((row * kOwned + unit) * kSources + source) * kPartBytes + thread * 16;
  }

  // Of shapes that halve the tokens: the peer's half goes out in so many pieces, each between two
  // stages of the own half.
  static constexpr int kSendUnits = 4;
  static constexpr int kSends = kShape.halves() ? kOwned / kSendUnits : 0;
  static_assert(kOwned % kSendUnits == 0 || kSends == 0);

  // Sends the sums at `sum`: units `first` and on of the peer's half.
  __device__ __forceinline__ void sendUnits(const float* sum, int first) const {
    const uint32_t peerBarrier = ptx::mapShared(ring.received(row), rank ^ 1),
                   peer = ptx::mapShared(part(first, 0), rank ^ 1);
#pragma unroll
    for (int u = 0; u < kSendUnits; u++)
      ptx::storeAsync(peer + u * kPartBytes, peerBarrier, sum[4 * u], sum[4 * u + 1],
                      sum[4 * u + 2], sum[4 * u + 3]);
  }

  // Sources 0 .. groups−1 are the peer's groups, the rest this CTA's groups from 1 on.
  __device__ __forceinline__ void send(const float* sum) const {
    constexpr int kStep = kSources * kPartBytes;
    const uint32_t peerBarrier = ptx::mapShared(ring.received(row), rank ^ 1),
                   ownBarrier = ptx::mapShared(ring.received(row), rank);
    const uint32_t peer = ptx::mapShared(part(0, group), rank ^ 1),
                   own = ptx::mapShared(part(0, kShape.groups + group - 1), rank);
#pragma unroll
    for (int u = 0; u < kOwned; u++) {
      const float* v = sum + 8 * u;  // units 2u (v[0..3]) and 2u + 1 (v[4..7])
      ptx::storeAsync(peer + u * kStep, peerBarrier, rank ? v[0] : v[4], rank ? v[1] : v[5],
                      rank ? v[2] : v[6], rank ? v[3] : v[7]);
      if (kShape.groups > 1 && group > 0)
        ptx::storeAsync(own + u * kStep, ownBarrier, rank ? v[4] : v[0], rank ? v[5] : v[1],
                        rank ? v[6] : v[2], rank ? v[7] : v[3]);
    }
  }

  // Group 0: this thread's four sums of owned unit u, complete. Own groups first, then the peer's.
  __device__ __forceinline__ void total(float (&t)[4], const float* sum, int u) const {
#pragma unroll
    for (int i = 0; i < 4; i++)
      t[i] = kShape.halves() ? sum[4 * u + i] : rank ? sum[8 * u + 4 + i] : sum[8 * u + i];
#pragma unroll
    for (int i = 0; i < kSources; i++) {
      const float4 v = ptx::loadSharedFloat4(
          part(u, i < kShape.groups - 1 ? kShape.groups + i : i - (kShape.groups - 1)));
      t[0] += v.x, t[1] += v.y, t[2] += v.z, t[3] += v.w;
    }
  }

  __device__ __forceinline__ void store(const float* sum, int firstToken, int firstFeature,
                                        int warp, int lane) const {
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
    constexpr int kStep = kShape.halves() ? 8 : 16;  // tokens to the next unit
    const auto tokenOf = [&](int u) {
      return firstToken + rank * (kShape.halves() ? kShape.tokens / 2 : 8) + u * kStep;
    };
    if (storesVectors(args, firstFeature)) {
      const uint32_t staging =
          ring.extra() + row * kRowBytes;  // over the partial sums, which this row has read
      ptx::namedBarrier(1 + row, 128);
      const uint32_t to = staging + stagingOffset(lane & 7, 2 * warp + (lane >> 3 & 1));
#pragma unroll
      for (int u = 0; u < kOwned; u++)
        ptx::storeMatrix2Transposed(to + u * 1024, roundPair<T>(owned[4 * u], owned[4 * u + 1]),
                                    roundPair<T>(owned[4 * u + 2], owned[4 * u + 3]));
      ptx::namedBarrier(1 + row, 128);
      const int piece = thread % 8, first = thread / 64;
      const uint32_t from = staging + stagingOffset(thread / 8 % 8, piece);
      int token = tokenOf(first) + thread / 8 % 8;
      T* out = static_cast<T*>(args.out) + token * args.outStride + firstFeature + piece * 8;
#pragma unroll 4
      for (int u = first; u < kOwned; u += 2, token += 2 * kStep, out += 2 * kStep * args.outStride)
        if (token < args.tokens)
          *reinterpret_cast<uint4*>(out) = ptx::loadShared16(from + u * 1024);
    } else {
      const int column = warp * 16 + lane / 4;
      const uint32_t staging = ring.extra() + row * kRowBytes;
      ptx::namedBarrier(1 + row, 128);
#pragma unroll
      for (int i = 0; i < 4 * kOwned; i++)
        stageElement(staging, i / 4 * 8 + lane % 4 * 2 + i % 2, column + i / 2 % 2 * 8, owned[i]);
      ptx::namedBarrier(1 + row, 128);
      storeStaged<T>(
          args, staging, kOwned * 8, [&](int i) { return tokenOf(i / 8) + i % 8; }, firstFeature,
          thread);
    }
  }
};

template <typename T, int ShapeIndex, int Units, Encoding Form, bool Transposed>
__global__ void __cluster_dims__(2, 1, 1)
    __launch_bounds__(kShapes[ShapeIndex].threads(), kShapes[ShapeIndex].perSM)
        pairKernel(const __grid_constant__ CUtensorMap x, const __grid_constant__ Arguments args) {
  using R = Ring<ShapeIndex, Units, Form>;
  constexpr Shape kShape = R::kShape;
  constexpr int kConsumers = kShape.warpgroups() * 128;
  constexpr int kStages = R::kLayout.stages;
  enum { kLoaderBarrier = 13, kSkewBarrier = 14, kStartBarrier = 15 };
  using E = Exchange<T, R>;
  extern __shared__ uint8_t shared[];
  const R ring{ptx::uniform(ptx::held((ptx::sharedAddress(shared) + SharedLayout::kAlignment - 1) &
                                      ~(SharedLayout::kAlignment - 1u)))};

  const int warpgroup = ptx::uniform(static_cast<int>(threadIdx.x >> 7));
  // From the block's index, the compiler knows it to be uniform.
  const int rank = static_cast<int>(blockIdx.x & 1);
  const int tile = blockIdx.x / 2, down = args.across.divide(tile),
            across = tile - down * args.tilesAcross, firstToken = down * kShape.tokens;
  const int stages = ceilDiv(args.chunks, kShape.chunks);
  // CTA 0 takes the first stages, CTA 1 the last. If the tokens are halved, each multiplies only
  // its own half in the middle `own`.
  const int own = min(E::kSends, stages), whole = stages - own, before = whole / 2,
            begin = rank ? before + own : 0, count = rank ? whole - before : before;

  if (warpgroup < kShape.warpgroups()) {  // the order: as in whole.cuh
    if constexpr (kShape.wide()) ptx::takeRegisters<kMultiplierRegisters>();
    ptx::clusterArrive();
    const int row = warpgroup % kShape.rows, group = warpgroup / kShape.rows,
              thread = ptx::held(threadIdx.x & 127), warp = thread >> 5, lane = thread & 31;
    Multiplier<T, R, Transposed> multiplier(ring, args, row, warp, lane);
    multiplier.clear();
    ptx::namedBarrier(kStartBarrier, kConsumers + 32);  // barriers are initialized
    // The second row starts some stages after the first, whose exchange its last stages then hide.
    // Three stages of the ring are left to the loads. The rest is what measured fastest: none for
    // 64 tokens, one for 96, forward for 128 and 160, two above.
    constexpr bool kOne =
        kStages < 5 || kShape.tokens == 96 || (kShape.tokens == 160 && !Transposed);
    constexpr int kSkew = kShape.rows == 1 || kShape.tokens < 96 ? 0
                          : kShape.tokens == 128                 ? (Transposed ? 0 : 1)
                          : kOne                                 ? 1
                                                                 : 2;
    static_assert(kSkew == 0 || kShape.rows == 2, "two rows");
    if (kSkew > 0 && row == 1) ptx::namedBarrier(kSkewBarrier, 256);
    RingPosition<kStages> at;
    at.slot = group;
    for (int i = group; i < count; i += kShape.groups) {
      ptx::barrierWait(ring.full(at.slot), at.phase);
      multiplier.template stage<0>(at.slot);
      at.template advance<kShape.groups>();
      if (kSkew > 0 && row == 0 && i == kSkew - 1) ptx::namedArrive(kSkewBarrier, 256);
    }
    if (kSkew > 0 && row == 0 && count < kSkew) ptx::namedArrive(kSkewBarrier, 256);
    multiplier.finish();
    ptx::clusterWait();  // the peer's barriers are initialized
    const E exchange{ring, args, rank, row, group, thread};
    if constexpr (kShape.halves()) {
      constexpr int kSums = 4 * E::kOwned, kSent = 4 * E::kSendUnits;
      float* const sent =
          multiplier.sum + kSums;  // the peer's half; what is sent leaves at the front
#pragma unroll 1
      for (int i = 0; i < E::kSends; i++) {
        if (i < own) {
          ptx::barrierWait(ring.full(at.slot), at.phase);
          multiplier.template stage<0, kShape.tokens / 2>(at.slot);
          at.advance();
        }
        exchange.sendUnits(sent, i * E::kSendUnits);
#pragma unroll
        for (int j = 0; j < kSums - kSent; j++) sent[j] = sent[j + kSent];
      }
      multiplier.finish();
    } else {
      exchange.send(multiplier.sum);
    }
    if (group == 0) {
      ptx::barrierWait(ring.received(row), 0);
      exchange.store(multiplier.sum, firstToken, (across * kShape.rows + row) * 64, warp, lane);
    }
  } else {
    if constexpr (kShape.wide()) ptx::giveRegisters<kLoaderRegisters>();
    using L = Loaders<R, Transposed>;
    const int role = ptx::uniform(static_cast<int>(threadIdx.x >> 5)) - kConsumers / 32;
    if (role == 0) {
      if (ptx::elected()) {
        ring.initBarriers();
#pragma unroll
        for (int row = 0; row < kShape.rows; row++) ptx::barrierInit(ring.received(row), 1);
        ptx::barrierInitFence();
        ptx::prefetchMap(&x);
      }
      __syncwarp();
      if (ptx::elected())
#pragma unroll
        for (int row = 0; row < kShape.rows; row++)
          ptx::barrierExpect(ring.received(row), E::kRowBytes);
      __syncwarp();
    }
    ptx::clusterArrive();
    if (role < L::kWarps) {
      ptx::namedBarrier(kLoaderBarrier, L::kWarps * 32);
      if (role == 0) ptx::namedArrive(kStartBarrier, kConsumers + 32);
      L::dispatch(role, [&](auto r) {
        if (!ptx::elected()) return;
        Loader<R, Transposed, decltype(r)::value> loader(ring, args, &x);
        loader.aim(across, firstToken, kShape.halves() ? rank : 0);
        RingPosition<kStages> at;
        for (int i = 0; i < count + own; i++) {
          ptx::barrierWait(ring.empty(at.slot), at.phase ^ 1);
          loader.load(at.slot, i < count ? begin + i : before + (i - count), i >= count);
          at.advance();
        }
      });
    }
    // Nothing may follow. Where the other lanes wait for the elected one, its loop gets vector
    // registers, and each R2UR that a copy then takes slows down the multiplying warps beside it.
    // So these warps arrive at the cluster's barrier and leave without waiting.
  }
}

}  // namespace w4a16::sm90a
