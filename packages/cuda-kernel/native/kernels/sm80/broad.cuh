// The main loop of the broad tiles, for many tokens: each weight is dequantized once a CTA, into
// shared memory, and not once a warp into registers.
//
// Where the tensor cores are the limit, every other instruction takes time from them, and
// dequantizing in every warp that needs a fragment is most of those: 128 × 256 in warp tiles of 64
// × 64 would dequantize each weight four times. Here each warp dequantizes its share of the next
// stage between the matrix instructions of this one, and stores fragments as the matrix instruction
// takes them: one 16-byte store, and one 16-byte load for each warp that uses one, both without
// bank conflicts.
//
//   per warp and stage of 64: 128 matrix instructions, 16 loads of A, 16 of B, 4 fragments of 15 +
//   1
#pragma once
#include "../common/dequantize.cuh"
#include "stage.cuh"

namespace w4a16::sm80 {

template <typename T, int TileIndex, Grouping G, bool Transposed>
class BroadTile {
 public:
  using StageType = Stage<TileIndex, G, Transposed>;
  static constexpr TileShape kTile = kTiles[TileIndex];
  static constexpr int kRows = kTile.warpFeatures / 16;
  static constexpr int kCols = kTile.warpTokens / 8;
  static constexpr uint32_t kFragmentBytes = 512;  // of 32 lanes
  static constexpr int kShare = 4;                 // fragments that a warp dequantizes a stage
  static constexpr int kPerSlab = kRows * kCols;   // matrix instructions
  static_assert(kTile.features / 16 * kSlabs == kShare * kTile.groupWarps() && kTile.groups == 1,
                "equal shares");

  float sum[kRows][kCols][4] = {};

  __device__ __forceinline__ BroadTile(int row0, int token0, int warp, int lane)
      : laneEntry(lane, true) {
    const int matrix = lane >> 3, r = lane & 7;
    activations = (token0 + (matrix >> 1) * 8 + r) * 128 + (((matrix & 1) ^ r) << 4);
    fragments = row0 * kSlabs * kFragmentBytes + lane * 16;
    // Forward, a warp takes the four slabs of one feature row, which share their parameters;
    // transposed, the four feature rows of a super-tile in one slab, for the same reason. Either is
    // one ldmatrix.x4 of 512 bytes.
    const int tile = warp / 4, slab = warp % 4;
    quads = (Transposed ? tile * layout::kTileBytes + slab * 512 : warp * 512) + lane * 16;
    const int entry = !Transposed ? warp : G == Grouping::Coarse ? warp : tile * 4 * kSlabs + slab;
    const uint32_t at = StageType::kBytes.weights + entry * layout::kEntryBytes;
    entries = at + LaneEntry<T, Transposed>::t(lane) * 16;
    midpoints = at + layout::kEntryMidpoints + LaneEntry<T, Transposed>::t(lane) * 4;
    made = (Transposed ? tile * 4 * kSlabs + slab : warp * kSlabs) * kFragmentBytes + lane * 16;
    ptx::hold(activations), ptx::hold(fragments), ptx::hold(quads), ptx::hold(entries),
        ptx::hold(midpoints), ptx::hold(made);
  }

  __device__ __forceinline__ void loadOperands(int set, int slab, uint32_t x, uint32_t buffer) {
#pragma unroll
    for (int f = 0; f < kRows; f++) {
      const uint4 v = ptx::loadShared16(buffer + fragments + (f * kSlabs + slab) * kFragmentBytes);
      a[set][f][0] = v.x, a[set][f][1] = v.y, a[set][f][2] = v.z, a[set][f][3] = v.w;
    }
#pragma unroll
    for (int t = 0; t < kCols; t += 2) {
      uint32_t r[4];
      ptx::loadMatrix4<false>(r, ((x + activations) ^ (slab << 5)) + t * 8 * 128);
      b[set][t][0] = r[0], b[set][t][1] = r[1], b[set][t + 1][0] = r[2], b[set][t + 1][1] = r[3];
    }
  }

  __device__ __forceinline__ void dequantizeAll(uint32_t weights, uint32_t buffer) const {
    uint32_t q[kShare];
    ptx::loadMatrix4<Transposed>(q, weights + quads);
#pragma unroll
    for (int share = 0; share < kShare; share++) {
      const LaneParams params = loadParams(weights, share);
      uint32_t v[4];
#pragma unroll
      for (int reg = 0; reg < 4; reg++) v[reg] = dequantize(q[share], reg, params);
      store(buffer, share, v);
    }
  }

  // Multiplies the stage whose activations are at `x` and whose fragments are in `buffer`, and
  // dequantizes the next one, into `other`. What a pipeline does on the way:
  //   turn()       a barrier, before the last slab: every warp has loaded all it needs of the
  //   stage,
  //                and has stored its share of the next
  //   copy(piece)  after it, pieces of refilling the stage: all at once they would keep the tensor
  //                cores waiting in every warp together
  template <typename Pipeline>
  __device__ __forceinline__ void step(uint32_t x, uint32_t nextX, uint32_t nextWeights,
                                       uint32_t buffer, uint32_t other, Pipeline& pipeline) {
    // A register every so many matrix instructions, done by the end of the third slab.
    constexpr int kEvery = (kSlabs - 1) * kPerSlab / (kShare * 4 + 1);
    constexpr int kPieces = Pipeline::kPieces, kCopyEvery = kPerSlab / kPieces;
    static_assert(kEvery > 0 && kCopyEvery > 0,
                  "enough matrix instructions to put the rest between");
    uint32_t q[kShare], v[4];
    ptx::loadMatrix4<Transposed>(q, nextWeights + quads);
    LaneParams params = loadParams(nextWeights, 0);
#pragma unroll
    for (int s = 0; s < kSlabs; s++) {
      if (s == kSlabs - 1) pipeline.turn();
      if (s + 1 < kSlabs)
        loadOperands((s + 1) & 1, s + 1, x, buffer);
      else
        loadOperands((s + 1) & 1, 0, nextX, other);
#pragma unroll
      for (int i = 0; i < kPerSlab; i++) {
        // A's fragment stays while B's go by, back and forth: 8% faster on an H100 than the other
        // way round.
        const int f = i / kCols, t = f % 2 ? kCols - 1 - i % kCols : i % kCols;
        const uint32_t (&left)[4] = a[s & 1][f];
        Numeric<T>::mma(sum[f][t], left[0], left[1], left[2], left[3], b[s & 1][t][0],
                        b[s & 1][t][1]);
        if (s == kSlabs - 1 && i % kCopyEvery == kCopyEvery - 1 && i / kCopyEvery < kPieces)
          pipeline.copy(i / kCopyEvery);
        const int done = s * kPerSlab + i + 1;
        if (done % kEvery != 0 || done / kEvery > kShare * 4) continue;
        const int reg = done / kEvery - 1;
        v[reg % 4] = dequantize(q[reg / 4], reg % 4, params);
        if (reg % 4 == 3) {
          store(other, reg / 4, v);
          if (G != Grouping::Coarse && reg / 4 + 1 < kShare)
            params = loadParams(nextWeights, reg / 4 + 1);
        }
      }
    }
  }

 private:
  uint32_t activations, fragments;  // this lane's operands, in a stage and in a buffer of fragments
  uint32_t quads, entries, midpoints, made;  // its warp's share of the dequantizing
  LaneEntry<T, Transposed> laneEntry;
  uint32_t a[2][kRows][4], b[2][kCols][2];

  // Parameters of the warp's fragment `share`; with Coarse groups one set serves all.
  __device__ __forceinline__ LaneParams loadParams(uint32_t weights, int share) const {
    const int entry = G == Grouping::Coarse ? 0
                      : Transposed          ? share * kSlabs
                                            : share * (kTile.features / 16);
    return laneEntry.load(weights + entries + entry * layout::kEntryBytes,
                          weights + midpoints + entry * layout::kEntryBytes);
  }

  __device__ __forceinline__ static uint32_t dequantize(uint32_t quad, int reg,
                                                        const LaneParams& p) {
    switch (layout::fragmentNibble(reg, Transposed)) {
      case 0:
        return dequantizePair<T, 0>(quad, p);
      case 1:
        return dequantizePair<T, 1>(quad, p);
      case 2:
        return dequantizePair<T, 2>(quad, p);
      default:
        return dequantizePair<T, 3>(quad, p);
    }
  }
  __device__ __forceinline__ void store(uint32_t buffer, int share, const uint32_t (&v)[4]) const {
    ptx::storeShared16(buffer + made + share * (Transposed ? kSlabs : 1) * kFragmentBytes,
                       make_uint4(v[0], v[1], v[2], v[3]));
  }
};

// The main loop with copies by every thread: adds `chunks` stages. Every thread of the CTA calls
// it.
//
// One barrier a stage, before its last slab: by then every warp has loaded all it needs of the
// stage, and has written its share of the next. While warps wait for each other there, the
// operands of 32 matrix instructions are in registers.
template <typename T, int TileIndex, Grouping G, bool Transposed>
struct BroadPipeline {
  using StageType = Stage<TileIndex, G, Transposed>;
  static constexpr int kStages = stageCount(kTiles[TileIndex], G, Transposed, kCompiledArch);
  static constexpr uint32_t kStageBytes = StageType::kBytes.total;
  static constexpr int kPieces = StageType::kPieces;

  StageType& stage;
  uint32_t now;     // the stage at hand
  bool more, full;  // whether it is filled again, and with a chunk that needs no check of any edge

  __device__ __forceinline__ void turn() {
    ptx::copyAsyncWait<kStages - 3>();
    __syncthreads();
    if (more && !full) stage.loadEdge(now);
  }
  __device__ __forceinline__ void copy(int piece) {
    if (full) stage.loadPiece(now, piece);
  }

  __device__ __forceinline__ static void reduce(BroadTile<T, TileIndex, G, Transposed>& warpTile,
                                                StageType& stage, uint32_t base, int chunks) {
    constexpr uint32_t kWeights = StageType::kBytes.x;
    const uint32_t wrap = base + kStages * kStageBytes;
    const auto after = [&](uint32_t at) {
      return at + kStageBytes == wrap ? base : at + kStageBytes;
    };
#pragma unroll 1
    for (int i = 0; i < kStages; i++) {
      if (i < chunks) stage.loadNext(base + i * kStageBytes);
      ptx::copyAsyncCommit();
    }
    ptx::copyAsyncWait<kStages - 1>();
    __syncthreads();
    uint32_t now = base, next = after(base);
    uint32_t buffer = wrap, other = buffer + broadFragmentBytes(kTiles[TileIndex]) / 2;
    warpTile.dequantizeAll(now + kWeights, buffer);
    ptx::copyAsyncWait<kStages - 2>();
    __syncthreads();
    warpTile.loadOperands(0, 0, now, buffer);
#pragma unroll 1
    for (int i = 0; i < chunks; i++) {
      const bool more = i + kStages < chunks;
      BroadPipeline pipeline{stage, now, more, more && stage.isFull()};
      // Past the last stage, `next` and `other` are stages and fragments of before, which nobody
      // uses.
      warpTile.step(now, next, next + kWeights, buffer, other, pipeline);
      ptx::copyAsyncCommit();
      now = next, next = after(next);
      const uint32_t swapped = buffer;
      buffer = other, other = swapped;
    }
    ptx::copyAsyncWait<0>();
  }
};

}  // namespace w4a16::sm80
