// Family::Whole. Persistent CTAs compute whole output tiles, and perhaps parts of the last ones
// (schedule.hpp). The loading warps run ahead into the next tile while a tile is stored.
#pragma once
#include <type_traits>

#include "multiply.cuh"
#include "output.cuh"

namespace w4a16::sm90a {

// Output tiles are visited in bands of kBand token tiles, features outermost within a band: CTAs
// that run together then share activations as well as weights in L2.
W4A16_DEVICE void tileOrigin(const Arguments& args, int tokensPerTile, int tile, int& across,
                             int& firstToken) {
  const int band = args.bandTiles.divide(tile), inBand = tile - band * (kBand * args.tilesAcross);
  const bool last = band == args.bands - 1;
  // Before the choice: under a condition, ptxas carries a 64-bit product from tile to tile, and
  // spills it.
  const int acrossLast = args.lastBand.divide(inBand);
  across = last ? acrossLast : inBand / kBand;
  firstToken = (band * kBand + inBand - across * (last ? args.lastHeight : kBand)) * tokensPerTile;
}

// Partial tiles of a tail: one slot a CTA, a float4 a thread and unit of 8 tokens, and one flag a
// warpgroup.
template <int ShapeIndex>
struct Partials {
  static constexpr Shape kShape = kShapes[ShapeIndex];
  static constexpr int kUnits = kShape.tokens / 8;
  static constexpr int kFloats = kShape.features() * kShape.tokens;  // a slot

  const Arguments& args;
  const int warpgroup, thread;

  __device__ __forceinline__ float4* slot(int cta) const {
    float4* const tile =
        reinterpret_cast<float4*>(args.workspace + static_cast<int64_t>(cta) * kFloats);
    const int mine = warpgroup * (kUnits * 128) + thread;
    return tile + ptx::held(mine);  // ptxas would compute this before the tiles, and spill it
  }
  __device__ __forceinline__ uint32_t* flag(int cta) const {
    return args.counters + ptx::held(cta * kShape.rows + warpgroup);
  }

  __device__ __forceinline__ void leave(const float* sum) const {
    float4* const out = slot(blockIdx.x);
#pragma unroll
    for (int u = 0; u < kUnits; u++)
      __stcg(out + u * 128,
             make_float4(sum[4 * u], sum[4 * u + 1], sum[4 * u + 2], sum[4 * u + 3]));
    __threadfence();
    ptx::namedBarrier(1 + warpgroup, 128);
    if (thread == 0) ptx::storeRelease(flag(blockIdx.x), 1);
  }
  // Waits until the other parts of `tile` are there.
  __device__ __forceinline__ void await(int tile) const {
    if (thread == 0)
      for (int part = 1; part < args.schedule.parts; part++) {
        uint32_t* const other = flag(args.schedule.ctaOf(tile, part));
        while (ptx::loadAcquire(other) == 0) {
        }
        *other = 0;  // as the next launch wants it
      }
    ptx::namedBarrier(1 + warpgroup, 128);
  }
  // Adds the other parts, one after the other.
  __device__ __forceinline__ void add(int tile, float* sum) const {
#pragma unroll 1
    for (int part = 1; part < args.schedule.parts; part++) {
      const float4* const in = slot(args.schedule.ctaOf(tile, part));
#pragma unroll
      for (int u = 0; u < kUnits; u++) {
        const float4 p = ptx::loadCoherentFloat4(in + u * 128);
        sum[4 * u] += p.x, sum[4 * u + 1] += p.y, sum[4 * u + 2] += p.z, sum[4 * u + 3] += p.w;
      }
    }
  }
};

// A warpgroup's 64 features × all tokens of the tile, through staging buffers: the copy engine
// stores one, and ends at the edges, while the next is filled and the next tile multiplied.
template <typename T, int ShapeIndex>
W4A16_DEVICE void storeTile(const Arguments& args, const CUtensorMap* out, uint32_t staging,
                            const float* sum, int firstToken, int firstFeature, int warpgroup,
                            int thread) {
  constexpr Shape kShape = kShapes[ShapeIndex];
  constexpr int kTokens = kShape.tokens, kStaged = kShape.stagedTokens(),
                kBuffers = ceilDiv(kTokens, kStaged);
  const int warp = thread >> 5, lane = thread & 31;
  if (!args.outVector) {  // two buffers as one: 16-bit or float32 values
    const int feature = warp * 16 + lane / 4;
#pragma unroll
    for (int c = 0; c < kBuffers; c++) {
      ptx::namedBarrier(1 + warpgroup, 128);
#pragma unroll
      for (int i = 0; i < kStaged / 2; i++)
        if (c * (kStaged / 2) + i < kTokens / 2)
          stageElement(staging, i / 4 * 8 + lane % 4 * 2 + (i & 1), feature + (i >> 1 & 1) * 8,
                       sum[c * (kStaged / 2) + i]);
      ptx::namedBarrier(1 + warpgroup, 128);
      storeStaged<T>(
          args, staging, min(kStaged, kTokens - c * kStaged),
          [&](int row) { return firstToken + c * kStaged + row; }, firstFeature, thread);
    }
    ptx::namedBarrier(1 + warpgroup, 128);
    return;
  }
  const uint32_t to = stagingOffset((lane >> 4) * 8 + (lane & 7), 2 * warp + (lane >> 3 & 1));
#pragma unroll
  for (int c = 0; c < kBuffers; c++) {
    constexpr int kRound = kShape.stagingBuffers();
    const uint32_t buffer = staging + c % kRound * (kStaged * 128);
    constexpr int kLast = kTokens - (kBuffers - 1) * kStaged;
    const int count = c + 1 < kBuffers ? kStaged : kLast;
    if (c == 0 || c >= kRound) {
      // What was stored from the buffer, of this tile or the one before, has been read.
      if (thread == 0) c == 0 ? ptx::storeWaitRead<0>() : ptx::storeWaitRead<kRound - 1>();
      ptx::namedBarrier(1 + warpgroup, 128);
    }
#pragma unroll
    for (int j = 0; j < kStaged / 16; j++) {
      if (j * 16 >= count) break;
      const float* v = sum + c * (kStaged / 2) + j * 8;
      if (j * 16 + 8 == count)
        ptx::storeMatrix2Transposed(buffer + to + j * 2048, roundPair<T>(v[0], v[1]),
                                    roundPair<T>(v[2], v[3]));
      else
        ptx::storeMatrix4Transposed(buffer + to + j * 2048, roundPair<T>(v[0], v[1]),
                                    roundPair<T>(v[2], v[3]), roundPair<T>(v[4], v[5]),
                                    roundPair<T>(v[6], v[7]));
    }
    ptx::storeFence();
    ptx::namedBarrier(1 + warpgroup, 128);
    if (thread == 0) {
#pragma unroll
      for (int t = 0; t < kStaged; t += kShape.boxTokens())
        if (t < count)
          ptx::tensorStore(out, buffer + t * 128, firstFeature, firstToken + c * kStaged + t);
      ptx::storeCommit();
    }
  }
}

template <typename T, int ShapeIndex, int Units, Encoding Form, bool Transposed>
__global__ void __launch_bounds__(kShapes[ShapeIndex].threads(), kShapes[ShapeIndex].perSM)
    wholeKernel(const __grid_constant__ CUtensorMap x, const __grid_constant__ CUtensorMap out,
                const __grid_constant__ Arguments args) {
  using R = Ring<ShapeIndex, Units, Form>;
  constexpr Shape kShape = R::kShape;
  constexpr int kConsumers = kShape.warpgroups() * 128;
  constexpr int kStages = R::kLayout.stages;
  static_assert(kShape.groups == 1 && kShape.rows == 2,
                "one group takes every stage, two rows stagger");
  enum { kLoaderBarrier = 13, kStaggerBarrier = 14, kStartBarrier = 15 };
  extern __shared__ uint8_t shared[];
  const R ring{ptx::uniform(ptx::held((ptx::sharedAddress(shared) + SharedLayout::kAlignment - 1) &
                                      ~(SharedLayout::kAlignment - 1u)))};

  const int warpgroup = ptx::uniform(static_cast<int>(threadIdx.x >> 7)),
            turnsEnd = args.schedule.turnsEnd(blockIdx.x);
  // ptxas lays out the last branch first. Everything waits for the first loads, and a kernel's code
  // is as cold as its arguments: the loading warps' must be next to the entry.
  if (warpgroup < kShape.rows) {
    if constexpr (kShape.wide()) ptx::takeRegisters<kMultiplierRegisters>();
    const int thread = ptx::held(threadIdx.x & 127), lane = thread & 31;
    const Partials<ShapeIndex> partials{args, warpgroup, thread};
    using M = Multiplier<T, R, Transposed>;
    M multiplier(ring, args, warpgroup, thread >> 5, lane);
    ptx::namedBarrier(kStartBarrier, kConsumers + 32);
    if (kShape.staggered() && warpgroup == 1) ptx::namedBarrier(kStaggerBarrier, kConsumers);
    bool first = kShape.staggered() && warpgroup == 0;
    RingPosition<kStages> at;
    const auto multiplyNext = [&](auto turn) {
      ptx::barrierWait(ring.full(at.slot), at.phase);
      multiplier.template stage<decltype(turn)::value>(at.slot);
      at.advance();
      if (first) ptx::namedArrive(kStaggerBarrier, kConsumers), first = false;
    };
    for (int turn = blockIdx.x; turn < turnsEnd; turn += args.schedule.ctas) {
      const Piece piece(args.schedule, blockIdx.x, turn);
      multiplier.clear();
      int stages = piece.end - piece.begin;
      if constexpr (M::kTurns) {
        for (; stages > 1; stages -= 2)
          multiplyNext(std::integral_constant<int, 0>{}),
              multiplyNext(std::integral_constant<int, 1>{});
        if (stages > 0) multiplyNext(std::integral_constant<int, 0>{});
      } else {
        for (; stages > 0; stages--) multiplyNext(std::integral_constant<int, 0>{});
      }
      multiplier.finish();
      if (piece.part > 0) {
        partials.leave(multiplier.sum);
        break;
      }
      if (piece.end < args.schedule.stages) {
        partials.await(piece.tile);
        partials.add(piece.tile, multiplier.sum);
      }
      int across, firstToken;
      tileOrigin(args, kShape.tokens, piece.tile, across, firstToken);
      const int firstFeature = (across * kShape.rows + warpgroup) * 64;
      scaleAndBias(args, multiplier.sum, firstFeature + (thread >> 5) * 16 + lane / 4);
      storeTile<T, ShapeIndex>(
          args, &out,
          ring.extra() + warpgroup * (kShape.stagingBuffers() * kShape.stagedTokens() * 128),
          multiplier.sum, firstToken, firstFeature, warpgroup, thread);
    }
    if (thread == 0) ptx::storeWaitRead<0>();  // shared memory must outlive the stores
  } else {
    if constexpr (kShape.wide()) ptx::giveRegisters<kLoaderRegisters>();
    using L = Loaders<R, Transposed>;
    const int role = ptx::uniform(static_cast<int>(threadIdx.x >> 5)) - kConsumers / 32;
    if (role == 0) {
      if (ptx::elected()) {
        ring.initBarriers();
        ptx::barrierInitFence();
        ptx::prefetchMap(&x);
      }
      __syncwarp();
    } else if (role == 1 && ptx::elected()) {
      ptx::prefetchMap(&out);
    }
    if (role < L::kWarps) {
      // The first tile, while one warp initializes the barriers and the code is fetched: in each
      // role it would be fetched again.
      int turn = blockIdx.x, across, firstToken;
      Piece piece(args.schedule, blockIdx.x, turn);
      tileOrigin(args, kShape.tokens, piece.tile, across, firstToken);
      ptx::namedBarrier(kLoaderBarrier, L::kWarps * 32);
      if (role == 0) ptx::namedArrive(kStartBarrier, kConsumers + 32);
      L::dispatch(role, [&](auto r) {
        if (!ptx::elected()) return;
        Loader<R, Transposed, decltype(r)::value> loader(ring, args, &x);
        RingPosition<kStages> at;
        while (true) {
          loader.aim(across, firstToken);
          for (int stage = piece.begin; stage < piece.end; stage++) {
            ptx::barrierWait(ring.empty(at.slot), at.phase ^ 1);
            loader.load(at.slot, stage);
            at.advance();
          }
          turn += args.schedule.ctas;
          if (turn >= turnsEnd) break;
          piece = Piece(args.schedule, blockIdx.x, turn);
          tileOrigin(args, kShape.tokens, piece.tile, across, firstToken);
        }
      });
    }
  }
}

}  // namespace w4a16::sm90a
