// The inner loop of one warp over one stage: 64 of the reduction.
#pragma once
#include "../common/dequantize.cuh"
#include "stage.cuh"

namespace w4a16::sm80 {

// Parameters looked up element by element, for groups that divide a block (G not a
// multiple of 16). n0, k0: the block's origin.
// Returns the parameters of nibbles 0 and 2 for `odd` = 0, of 1 and 3 for `odd` = 1.
template <typename T, bool Transposed>
__device__ __forceinline__ LaneParams elementParams(const FusedArguments& args, int n0, int k0,
                                                    int lane, int odd) {
  const int r = lane / 4, c = lane % 4;
  LaneParams p;
#pragma unroll
  for (int set = 0; set < 2; set++) {
    p.scale[set] = 0, p.offset[set] = 0, p.midpoint[set] = Numeric<T>::kMagic;
#pragma unroll
    for (int half = 0; half < 2; half++) {
      const int n = n0 + set * 8 + (Transposed ? 2 * c + half : r);
      const int k = k0 + odd * 8 + (Transposed ? r : 2 * c + half);
      if (n >= args.entriesPerRow * layout::kEntrySize) continue;
      const int row = min(static_cast<int>(args.group.divide(k)), args.paramRows - 1);
      const uint8_t* entry = args.params + static_cast<int64_t>(row) * args.paramRowBytes +
                             n / layout::kEntrySize * layout::kEntryBytes;
      const int shift = 16 * half;
      p.scale[set] |=
          static_cast<uint32_t>(*reinterpret_cast<const uint16_t*>(entry + layout::entryScale(n)))
          << shift;
      p.offset[set] |=
          static_cast<uint32_t>(*reinterpret_cast<const uint16_t*>(entry + layout::entryOffsetC(n)))
          << shift;
      // kMagic's low byte is the midpoint byte of μ = 0; here goes m
      p.midpoint[set] = (p.midpoint[set] & ~(0xFFu << shift)) |
                        static_cast<uint32_t>(entry[layout::entryMidpoint(n)]) << shift;
    }
  }
  return p;
}

// `Hold`: keep shared-memory addresses in registers, which parameters by the element leave too few
// of.
template <typename T, int TileIndex, Grouping G, bool Transposed,
          bool Hold = G != Grouping::Element && holdsAddresses(kTiles[TileIndex], Transposed)>
struct WarpTile {
  using StageType = Stage<TileIndex, G, Transposed>;
  static constexpr TileShape kTile = kTiles[TileIndex];
  static constexpr int kRows = kTile.warpFeatures / 16;  // A fragments
  static constexpr int kCols = kTile.warpTokens / 8;     // B fragments
  static constexpr int kRowBytes = kTile.features == 32 && Transposed ? 256 : 512;

  // B fragments are loaded a block of columns at a time, one block ahead. One ldmatrix.x4
  // holds 16 tokens of a slab, or 8 tokens of two slabs.
  static constexpr int kBlockCols = kCols <= 8 ? kCols : Hold ? 4 : 8;
  static constexpr int kBlocks = kCols / kBlockCols;

  float sum[kRows][kCols][4] = {};

  __device__ __forceinline__ WarpTile(int row, int token, int /*warp*/, int lane_)
      : row0(row), lane(lane_), laneEntry(lane_, Hold) {
    const int matrix = lane >> 3, r = lane & 7;
    // Pieces of 16 bytes are swizzled by the row, and rows are 128 bytes: with a stage aligned to
    // 128, the piece of slab s is the address of slab 0 with bits 5 and 6 flipped by s.
    activations = kCols == 1 ? (token + r) * 128 + ((matrix ^ r) << 4)
                             : (token + (matrix >> 1) * 8 + r) * 128 + (((matrix & 1) ^ r) << 4);
    // This lane's row of the ldmatrix.x4 that takes the four blocks of a feature row along the
    // reduction.
    if constexpr (!Transposed)
      quadRows = row * 512 + lane * 16;
    else
      quadRows = row / 4 * layout::kTileBytes + row % 4 * layout::kBlockBytes + matrix * kRowBytes +
                 r * 16;
    entries = StageType::kBytes.weights;
    entries += (G == Grouping::Coarse && Transposed ? row / 4 * kSlabs
                : G == Grouping::Fine && Transposed ? row * kSlabs
                                                    : row) *
               layout::kEntryBytes;
    midpoints = entries + layout::kEntryMidpoints + LaneEntry<T, Transposed>::t(lane) * 4;
    entries += LaneEntry<T, Transposed>::t(lane) * 16;
    if constexpr (Hold)
      ptx::hold(activations), ptx::hold(quadRows), ptx::hold(entries), ptx::hold(midpoints);
  }

  // Adds one stage: 64 of the reduction, whose activations are at `x`, and whose weights and
  // parameters at `weights`.
  __device__ __forceinline__ void accumulate(uint32_t x, uint32_t weights,
                                             const FusedArguments& args, int firstFeature,
                                             int chunk) {
    uint32_t quads[kRows][kSlabs];
#pragma unroll
    for (int f = 0; f < kRows; f++)
      ptx::loadMatrix4<Transposed>(quads[f], weights + quadRows + quadStep(f));
    uint32_t b[kCols == 1 ? kSlabs : 2][kBlockCols][2];
    loadActivations(b, 0, x);

    // Parameters of the feature rows: for the whole stage (forward, Coarse), or for the slab at
    // hand.
    constexpr bool kHeld = G == Grouping::Coarse && !Transposed;
    constexpr bool kShared = G == Grouping::Coarse && Transposed;  // one set serves all rows
    LaneParams lanes[kShared ? 1 : kRows], odd[G == Grouping::Element ? kRows : 1];
    const auto fetchParams = [&](int s) {
#pragma unroll
      for (int f = 0; f < (kShared ? 1 : kRows); f++) {
        if constexpr (G == Grouping::Element) {
          const int feature = firstFeature + (row0 + f) * 16, along = chunk * kChunk + s * 16;
          const int n0 = Transposed ? along : feature, k0 = Transposed ? feature : along;
          lanes[f] = elementParams<T, Transposed>(args, n0, k0, lane, 0);
          odd[f] = elementParams<T, Transposed>(args, n0, k0, lane, 1);
        } else {
          const int entry = kHeld        ? f
                            : kShared    ? s
                            : Transposed ? f * kSlabs + s
                                         : s * (kTile.features / 16) + f;
          lanes[f] = laneEntry.load(weights + entries + entry * layout::kEntryBytes,
                                    weights + midpoints + entry * layout::kEntryBytes);
        }
      }
    };
    // Register `reg` of the fragment of row f, slab s.
    const auto dequantize = [&](int s, int f, int reg) {
      const LaneParams& even = lanes[kShared ? 0 : f];
      const LaneParams& other = G == Grouping::Element ? odd[f] : even;
      switch (layout::fragmentNibble(reg, Transposed)) {
        case 0:
          return dequantizePair<T, 0>(quads[f][s], even);
        case 1:
          return dequantizePair<T, 1>(quads[f][s], other);
        case 2:
          return dequantizePair<T, 2>(quads[f][s], even);
        default:
          return dequantizePair<T, 3>(quads[f][s], other);
      }
    };

    // The next slab's fragments are dequantized between the matrix instructions of this one, a
    // register at a time: warps that did the two in turns would fall into step and leave the tensor
    // cores idle together.
    uint32_t a[2][kRows][4];
    fetchParams(0);
#pragma unroll
    for (int r = 0; r < kRows * 4; r++) a[0][r / 4][r % 4] = dequantize(0, r / 4, r % 4);
#pragma unroll
    for (int s = 0; s < kSlabs; s++) {
      const bool more = s + 1 < kSlabs;
      if (s > 0 && (fencesSlabs(kTile) || G == Grouping::Element)) __syncwarp();
      if (more && !kHeld) fetchParams(s + 1);
#pragma unroll
      for (int block = 0; block < kBlocks; block++) {
        const int at = s * kBlocks + block;
        if (at + 1 < kSlabs * kBlocks) loadActivations(b, at + 1, x);
#pragma unroll
        for (int i = 0; i < kRows * kBlockCols; i++) {
          const int f = i / kBlockCols, t = i % kBlockCols, done = block * kRows * kBlockCols + i;
          const uint32_t (&now)[4] = a[s & 1][f];
          const uint32_t (&column)[2] = b[kCols == 1 ? s : at & 1][t];
          Numeric<T>::mma(sum[f][block * kBlockCols + t], now[0], now[1], now[2], now[3], column[0],
                          column[1]);
#pragma unroll
          for (int r = 0; r < kRows * 4; r++)
            if (more && r * kCols / 4 == done)
              a[(s + 1) & 1][r / 4][r % 4] = dequantize(s + 1, r / 4, r % 4);
        }
      }
    }
  }

 private:
  int row0, lane;        // the warp's first row of 16 features in the CTA's tile
  uint32_t activations;  // this lane's addresses within a stage
  uint32_t quadRows;
  uint32_t entries, midpoints;  // of the parameters of row0
  LaneEntry<T, Transposed> laneEntry;

  // From the quads of feature row row0 to those of row0 + f; a warp's rows start at a multiple of 2
  // or 4.
  __device__ __forceinline__ static constexpr uint32_t quadStep(int f) {
    return f * (Transposed ? layout::kBlockBytes : 512);
  }

  // Block `at` of the stage's B fragments: slab at / kBlocks, columns from at % kBlocks ·
  // kBlockCols on.
  __device__ __forceinline__ void loadActivations(
      uint32_t (&b)[kCols == 1 ? kSlabs : 2][kBlockCols][2], int at, uint32_t x) const {
    const int s = at / kBlocks, first = at % kBlocks * kBlockCols;
    uint32_t r[4];
    if constexpr (kCols == 1) {
      if (s % 2) return;
      ptx::loadMatrix4<false>(r, (x + activations) ^ (s << 5));
      b[s][0][0] = r[0], b[s][0][1] = r[1], b[s + 1][0][0] = r[2], b[s + 1][0][1] = r[3];
    } else {
#pragma unroll
      for (int t = 0; t < kBlockCols; t += 2) {
        ptx::loadMatrix4<false>(r, ((x + activations) ^ (s << 5)) + (first + t) * 8 * 128);
        b[at & 1][t][0] = r[0], b[at & 1][t][1] = r[1], b[at & 1][t + 1][0] = r[2],
               b[at & 1][t + 1][1] = r[3];
      }
    }
  }
};

}  // namespace w4a16::sm80
