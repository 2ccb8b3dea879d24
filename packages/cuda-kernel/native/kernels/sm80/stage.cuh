// Filling pipeline stages: 64 of the reduction of the activations, the packed
// weights and the parameters of a CTA's tile, by the threads of one group of warps.
//
// On an H100 `mma.sync` leaves almost no issue slots free (every other instruction
// costs about a cycle, whatever its unit), so the common case, a tile that lies
// wholly inside the operands, is kept to a few address instructions a copy.
#pragma once
#include "../common/ptx.cuh"
#include "arguments.hpp"
#include "tiles.hpp"

namespace w4a16::sm80 {

// A stage in shared memory: activations, [tokens] rows of 128 bytes whose 16-byte
// pieces are XOR-swizzled by the row; weights, blocks as in the packed buffer;
// entries of the parameter table:
//   forward     Coarse [feature16]          Fine [slab][feature16]
//   transposed  Coarse [feature64][slab]    Fine [feature16][slab]      (slab: 16 of the reduction)
template <int TileIndex, Grouping G, bool Transposed>
class Stage {
 public:
  static constexpr TileShape kTile = kTiles[TileIndex];
  static constexpr StageBytes kBytes{kTile, G, Transposed};
  static constexpr int kThreads = kTile.groupWarps() * 32;

  // The group begins at `chunk` and takes every kTile.groups-th from there.
  __device__ __forceinline__ Stage(const FusedArguments& a, int thread_, int feature, int token,
                                   int chunk_)
      : args(a), thread(thread_), firstFeature(feature), firstToken(token), chunk(chunk_) {
    const bool allRows = a.xAligned && token + kTile.tokens <= a.tokens;
    const bool allTiles = feature / 64 + ceilDiv(kTile.features, 64) <= a.featureTiles64;
    fullChunks = allRows && allTiles ? a.reduction / kChunk : 0;
    const int row = thread / 8, piece = thread % 8;
    x = static_cast<const char*>(a.x) +
        ((token + row) * a.xStride + piece * 8 + chunk * kChunk) * 2;
    xTarget = row * 128 + ((piece ^ (row & 7)) << 4);
    if constexpr (holdsAddresses(kTile, Transposed)) ptx::hold(xTarget);
    const int half = kHalfTile ? feature / 32 % 2 : 0;
    const int64_t tileRow = a.tilesN * static_cast<int64_t>(layout::kTileBytes);
    if constexpr (Transposed) {
      weights = a.packed + feature / 64 * tileRow + chunk * layout::kTileBytes;
      weights += kHalfTile ? thread / 16 * 512 + half * 256 + thread % 16 * 16 : thread * 16;
    } else {
      weights = a.packed + chunk * tileRow + feature / 64 * layout::kTileBytes + half * 1024 +
                thread * 16;
    }
    params = a.params;
    if constexpr (G == Grouping::Coarse) {
      params += (Transposed ? chunk * kSlabs : feature / 16) * layout::kEntryBytes +
                thread % kRunPieces * 16;
      if constexpr (Transposed)
        params +=
            paramRow(feature / 64 + thread / kRunPieces) * static_cast<uint64_t>(a.paramRowBytes);
      if constexpr (kRunningRow) {
        const uint32_t row = paramRow(chunk);
        params += row * static_cast<uint64_t>(a.paramRowBytes);
        untilNextRow = static_cast<int>(row + 1) * a.chunksPerGroup - chunk;
      }
    }
    if constexpr (kTile.broad) {
      if constexpr (Transposed) weights += (tileRow - layout::kTileBytes) * (thread / 128);
      weightTarget = thread * 16;
      ptx::hold(weightTarget), ptx::hold(x), ptx::hold(weights), ptx::hold(params);
    }
  }

  // Starts the copies of the next chunk into the stage at `base`.
  __device__ __forceinline__ void loadNext(uint32_t base) {
    if (!isFull()) return loadEdge(base);
    loadWeights<true>(base + kBytes.x);
    if constexpr (G == Grouping::Coarse) loadCoarseParams<true>(base + kParams);
    if constexpr (G == Grouping::Fine) loadFineParams(base + kParams);
    loadFullRows(base + xTarget);
    advance();
  }

  // Whether the next chunk lies wholly inside the operands, and the copies of one that may not.
  __device__ __forceinline__ bool isFull() const { return chunk < fullChunks; }
  __device__ __forceinline__ void loadEdge(uint32_t base) {
    loadWeights<false>(base + kBytes.x);
    if constexpr (G == Grouping::Coarse) loadCoarseParams<false>(base + kParams);
    if constexpr (G == Grouping::Fine) loadFineParams(base + kParams);
    if (args.xAligned)
      loadRows(base + xTarget);
    else
      copyRows(base + xTarget, x, xStep(), rowsLeft(), validBytes());
    advance();
  }

  // The copies of a full chunk in pieces, for a broad tile to put between other work.
  static constexpr int kPieces = 2 + ceilDiv(kTile.tokens * 8, kThreads);
  __device__ __forceinline__ void loadPiece(uint32_t base, int piece) {
    static_assert(kTile.broad && kTile.features * 2 == kThreads,
                  "one piece of the weights a thread");
    if (piece == 0) {
      ptx::copyAsync16(base + kBytes.x + weightTarget, weights);
    } else if (piece == 1) {
      if constexpr (G == Grouping::Coarse)
        if (weightTarget < kParamPieces * 16)
          ptx::copyAsync16(base + kParams + weightTarget, params);
      if constexpr (G == Grouping::Fine) loadFineParams(base + kParams);
    } else {
      xRow = piece == 2 ? x : xRow + xStep();
      ptx::copyAsync16(xPlace(base + xTarget, piece - 2), xRow);
      if (piece == kPieces - 1) advance();
    }
  }

 private:
  __device__ __forceinline__ void advance() {
    chunk += kTile.groups;
    x += kTile.groups * kChunk * 2;
    if constexpr (Transposed)
      weights += kTile.groups * layout::kTileBytes;
    else
      weights += static_cast<uint64_t>(static_cast<uint32_t>(args.tilesN)) *
                 (kTile.groups * layout::kTileBytes);
    if constexpr (G == Grouping::Coarse && Transposed)
      params += kTile.groups * kSlabs * layout::kEntryBytes;
    if constexpr (kRunningRow)
      if (--untilNextRow == 0) params += args.paramRowBytes, untilNextRow = args.chunksPerGroup;
  }

  static constexpr bool kHalfTile = kTile.features == 32;  // a tile may be half of a super-tile
  static constexpr int kParams = kBytes.x + kBytes.weights;
  static constexpr int kXPieces = kTile.tokens * 8;  // of 16 bytes
  static constexpr int kXSteps = ceilDiv(kXPieces, kThreads);
  static constexpr int kXRows = kThreads / 8;  // rows that the group covers in one step
  static_assert(kXPieces % kThreads == 0 && kTile.tokens % kXRows == 0, "a step covers whole rows");
  // Entries that lie side by side in the table, along n, in 16-byte pieces.
  static constexpr int kEntryPieces = layout::kEntryBytes / 16;
  static constexpr int kRunPieces = (Transposed ? kSlabs : kTile.features / 16) * kEntryPieces;
  static constexpr int kParamPieces = paramEntries(kTile, G, Transposed) * kEntryPieces;

  const FusedArguments& args;
  const int thread;  // in the group
  const int firstFeature, firstToken;
  int chunk;
  int fullChunks;  // chunks below this need no check of any edge
  const char* x;   // this thread's first piece of the chunk, and where it goes in a stage
  uint32_t xTarget;
  const char* xRow;  // in the middle of loadPiece()
  uint32_t weightTarget;
  const uint8_t* weights;
  const uint8_t* params;
  // Where a thread takes every chunk, it follows the row of parameters instead of computing it each
  // time.
  static constexpr bool kRunningRow = kTile.broad && G == Grouping::Coarse && !Transposed;
  int untilNextRow = 0;  // chunks that the row at hand still serves

  __device__ __forceinline__ uint32_t xStep() const {
    return static_cast<uint32_t>(args.xStride) * (kXRows * 2);
  }
  // kXRows = 4: every second step changes bit 2 of the row, and so of the swizzle.
  __device__ __forceinline__ static uint32_t xPlace(uint32_t target, int i) {
    return (target ^ (i * kXRows % 8 << 4)) + i * (kXRows * 128);
  }
  // How many of this thread's rows exist, and how many bytes of its piece of each.
  __device__ __forceinline__ int rowsLeft() const {
    return ceilDiv(max(0, args.tokens - firstToken - thread / 8), kXRows);
  }
  __device__ __forceinline__ int validBytes() const {
    return max(0, min(16, (args.reduction - chunk * kChunk - thread % 8 * 8) * 2));
  }

  __device__ __forceinline__ void loadFullRows(uint32_t target) const {
#pragma unroll
    for (int i = 0; i < kXSteps; i++)
      ptx::copyAsync16(xPlace(target, i), x + static_cast<uint64_t>(xStep()) * i);
  }
  __device__ __forceinline__ void loadRows(uint32_t target) const {
    const int rows = rowsLeft(), valid = validBytes();
#pragma unroll
    for (int i = 0; i < kXSteps; i++)
      ptx::copyAsync16(xPlace(target, i), x + static_cast<uint64_t>(xStep()) * i,
                       i < rows ? valid : 0);
  }
  // Rows that are not 16-byte aligned: two bytes at a time.
  __device__ __noinline__ static void copyRows(uint32_t target, const char* source, uint32_t step,
                                               int rows, int valid) {
#pragma unroll 1
    for (int i = 0; i < kXSteps; i++) {
      const uint16_t* from =
          reinterpret_cast<const uint16_t*>(source + static_cast<uint64_t>(step) * i);
      uint32_t words[4] = {0, 0, 0, 0};
#pragma unroll
      for (int e = 0; e < 8; e++)
        if (i < rows && 2 * e < valid)
          words[e / 2] |= static_cast<uint32_t>(from[e]) << (e % 2 * 16);
      ptx::storeShared16(xPlace(target, i), make_uint4(words[0], words[1], words[2], words[3]));
    }
  }

  template <bool Full>
  __device__ __forceinline__ void loadWeights(uint32_t base) const {
    constexpr int kPieces = kTile.features * 2;  // of 16 bytes; a super-tile is 128
    const uint32_t tileRow = static_cast<uint32_t>(args.tilesN) * layout::kTileBytes;
#pragma unroll
    for (int i = 0; i < ceilDiv(kPieces, kThreads); i++) {
      if (kPieces % kThreads != 0 && thread + i * kThreads >= kPieces) break;
      const uint32_t target = base + thread * 16 + i * (kThreads * 16);
      if constexpr (kHalfTile) {
        ptx::copyAsync16(target, weights + i * (Transposed ? kThreads / 16 * 512 : kThreads * 16));
        continue;
      }
      // Which super-tile of the tile: known at compile time unless a step covers several.
      const int tile = kThreads > 128 ? (thread + i * kThreads) / 128 : i * kThreads / 128;
      const uint8_t* from = weights + i * (kThreads * 16);
      if constexpr (Transposed && !kTile.broad)
        from += static_cast<uint64_t>(tileRow - layout::kTileBytes) * tile;
      if constexpr (Full)
        ptx::copyAsync16(target, from);
      else
        ptx::copyAsync16(target, from, firstFeature / 64 + tile < args.featureTiles64 ? 16 : 0);
    }
  }

  // The row of the table for a unit of k: 64 (Coarse) or 16 (Fine). Padding falls to the last.
  __device__ __forceinline__ uint32_t paramRow(int unit) const {
    return min(args.group.divide(unit), static_cast<uint32_t>(args.paramRows - 1));
  }

  template <bool Full>
  __device__ __forceinline__ void loadCoarseParams(uint32_t base) const {
    static_assert(G != Grouping::Coarse || kParamPieces <= kThreads, "one piece a thread");
    if (thread >= kParamPieces) return;
    const uint8_t* from = params;
    if constexpr (!Transposed && !kRunningRow)
      from += static_cast<uint64_t>(paramRow(chunk)) * args.paramRowBytes;
    if constexpr (Full) {
      ptx::copyAsync16(base + thread * 16, from);
    } else {
      const int entry =
          (Transposed ? chunk * kSlabs : firstFeature / 16) + thread % kRunPieces / kEntryPieces;
      ptx::copyAsync16(base + thread * 16, from, entry < args.entriesPerRow ? 16 : 0);
    }
  }

  __device__ __forceinline__ void loadFineParams(uint32_t base) const {
    const int firstEntry = Transposed ? chunk * kSlabs : firstFeature / 16;
    const int firstUnit = Transposed ? firstFeature / 16 : chunk * kSlabs;
#pragma unroll
    for (int i = 0; i < ceilDiv(kParamPieces, kThreads); i++) {
      const int piece = thread + i * kThreads;
      if (piece >= kParamPieces) break;
      const int inRun = piece % kRunPieces;
      const uint8_t* from =
          params +
          static_cast<uint64_t>(paramRow(firstUnit + piece / kRunPieces)) * args.paramRowBytes +
          (firstEntry * kEntryPieces + inRun) * 16;
      ptx::copyAsync16(base + piece * 16, from,
                       firstEntry + inRun / kEntryPieces < args.entriesPerRow ? 16 : 0);
    }
  }
};

}  // namespace w4a16::sm80
