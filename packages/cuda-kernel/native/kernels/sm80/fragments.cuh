// The inner loop of one warp over one stage: 64 of the reduction.
#pragma once
#include "../common/dequantize.cuh"
#include "stage.cuh"

namespace w4a16::sm80 {

// Parameters looked up element by element, for groups that divide a block (G not a
// multiple of 16). n0, k0: the block's origin.
template <typename T, bool Transposed>
__device__ __noinline__ void elementParams(LaneParams (&pairs)[2], const FusedArguments& args, int n0, int k0, int lane) {
  const int r = lane / 4, c = lane % 4;
  uint32_t s[4] = {0, 0, 0, 0}, o[4] = {0, 0, 0, 0}, m[4];
#pragma unroll
  for (int nibble = 0; nibble < 4; nibble++) {
    m[nibble] = Numeric<T>::kMagic;
#pragma unroll
    for (int half = 0; half < 2; half++) {
      const int n = n0 + (nibble >> 1) * 8 + (Transposed ? 2 * c + half : r);
      const int k = k0 + (nibble & 1) * 8 + (Transposed ? r : 2 * c + half);
      const int row = min(static_cast<int>(args.group.divide(k)), args.paramRows - 1);
      if (n >= args.entriesPerRow * layout::kEntrySize) continue;
      const uint8_t* entry = args.params + row * args.paramRowBytes + n / layout::kEntrySize * layout::kEntryBytes;
      s[nibble] |= static_cast<uint32_t>(*reinterpret_cast<const uint16_t*>(entry + layout::entryScale(n))) << (16 * half);
      o[nibble] |= static_cast<uint32_t>(*reinterpret_cast<const uint16_t*>(entry + layout::entryOffsetC(n))) << (16 * half);
      // kMagic holds 64 in the low byte already; replace it by m
      m[nibble] = m[nibble] & ~(0xFFu << (16 * half)) | static_cast<uint32_t>(entry[layout::entryMidpoint(n)]) << (16 * half);
    }
  }
#pragma unroll
  for (int odd = 0; odd < 2; odd++) {  // nibbles 0 and 2, then 1 and 3
    pairs[odd].scale[0] = s[odd], pairs[odd].offset[0] = o[odd], pairs[odd].midpoint[0] = m[odd];
    pairs[odd].scale[1] = s[odd + 2], pairs[odd].offset[1] = o[odd + 2], pairs[odd].midpoint[1] = m[odd + 2];
  }
}

template <typename T, int TileIndex, Grouping G, bool Transposed>
struct WarpTile {
  using StageType = Stage<TileIndex, G, Transposed>;
  static constexpr TileShape kTile = kTiles[TileIndex];
  static constexpr int kRows = kTile.warpFeatures / 16;  // A fragments
  static constexpr int kCols = kTile.warpTokens / 8;     // B fragments
  static constexpr int kRowBytes = kTile.features == 32 && Transposed ? 256 : 512;

  float sum[kRows][kCols][4] = {};

  // `base`: the stage; `row0`, `token0`: the warp's corner in the CTA's tile (16 features, 1 token).
  __device__ __forceinline__ void accumulate(uint32_t base, const FusedArguments& args, int firstFeature, int chunk,
                                             int row0, int token0, int lane) {
    const uint32_t weights = base + StageType::kBytes.x;
    const uint32_t params = weights + StageType::kBytes.weights;
    uint32_t quads[kRows][kSlabs];
#pragma unroll
    for (int f = 0; f < kRows; f++) ptx::loadMatrix4<Transposed>(quads[f], weights + quadAddress(row0 + f, lane));
    uint32_t b[2][kCols][2];
    loadActivations(b, 0, base, token0, lane);

    LaneParams lanes[Transposed ? 1 : kRows];
    if constexpr (G == Grouping::Coarse && !Transposed) {
#pragma unroll
      for (int f = 0; f < kRows; f++) lanes[f] = loadLaneParams<T, false>(params + (row0 + f) * layout::kEntryBytes, lane);
    }
    const auto dequantize = [&](int i, uint32_t (&a)[4]) {
      const int s = i / kRows, f = i % kRows;
      if constexpr (G == Grouping::Element) {
        const int feature = firstFeature + (row0 + f) * 16, along = chunk * kChunk + s * 16;
        LaneParams pairs[2];
        elementParams<T, Transposed>(pairs, args, Transposed ? along : feature, Transposed ? feature : along, lane);
        const uint32_t w[4] = {dequantizePair<T, 0>(quads[f][s], pairs[0]), dequantizePair<T, 1>(quads[f][s], pairs[1]),
                               dequantizePair<T, 2>(quads[f][s], pairs[0]), dequantizePair<T, 3>(quads[f][s], pairs[1])};
#pragma unroll
        for (int reg = 0; reg < 4; reg++) a[reg] = w[layout::fragmentNibble(reg, Transposed)];
      } else {
        if constexpr (G == Grouping::Fine) {
          const int entry = Transposed ? (row0 + f) * kSlabs + s : s * (kTile.features / 16) + row0 + f;
          lanes[0] = loadLaneParams<T, Transposed>(params + entry * layout::kEntryBytes, lane);
        } else if constexpr (Transposed) {
          if (f == 0) lanes[0] = loadLaneParams<T, true>(params + (row0 / 4 * kSlabs + s) * layout::kEntryBytes, lane);
        }
        dequantizeFragment<T, Transposed>(a, quads[f][s], lanes[G == Grouping::Coarse && !Transposed ? f : 0]);
      }
    };

    // One fragment is dequantized while the tensor cores work on the one before.
    uint32_t a[2][4];
    dequantize(0, a[0]);
#pragma unroll
    for (int i = 0; i < kSlabs * kRows; i++) {
      const int s = i / kRows, f = i % kRows;
      if (f == 0 && s + 1 < kSlabs) loadActivations(b, s + 1, base, token0, lane);
      if (i + 1 < kSlabs * kRows) dequantize(i + 1, a[(i + 1) & 1]);
#pragma unroll
      for (int t = 0; t < kCols; t++)
        Numeric<T>::mma(sum[f][t], a[i & 1][0], a[i & 1][1], a[i & 1][2], a[i & 1][3], b[s & 1][t][0], b[s & 1][t][1]);
    }
  }

 private:
  // This lane's row address for one ldmatrix.x4: the four blocks of a feature row along the reduction.
  __device__ __forceinline__ static uint32_t quadAddress(int row, int lane) {
    if constexpr (!Transposed) return row * 512 + lane * 16;
    const int tile = kTile.features == 32 ? 0 : row / 4 * layout::kTileBytes;
    return tile + (lane >> 3) * kRowBytes + row % 4 * layout::kBlockBytes + (lane & 7) * 16;
  }

  // B fragments of slab s into b[s & 1]; a warp tile of 8 tokens loads two slabs at a time.
  __device__ __forceinline__ static void loadActivations(uint32_t (&b)[2][kCols][2], int s, uint32_t base, int token0, int lane) {
    const int matrix = lane >> 3, row = lane & 7;
    uint32_t r[4];
    if constexpr (kCols == 1) {
      if (s % 2) return;
      ptx::loadMatrix4<false>(r, base + (token0 + row) * 128 + (((2 * s + matrix) ^ row) << 4));
      b[0][0][0] = r[0], b[0][0][1] = r[1], b[1][0][0] = r[2], b[1][0][1] = r[3];
    } else {
#pragma unroll
      for (int t = 0; t < kCols; t += 2) {
        const int token = token0 + t * 8 + (matrix >> 1) * 8 + row;
        ptx::loadMatrix4<false>(r, base + token * 128 + (((2 * s + (matrix & 1)) ^ row) << 4));
        b[s & 1][t][0] = r[0], b[s & 1][t][1] = r[1], b[s & 1][t + 1][0] = r[2], b[s & 1][t + 1][1] = r[3];
      }
    }
  }
};

}  // namespace w4a16::sm80
