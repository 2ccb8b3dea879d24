// Filling one pipeline stage: 64 of the reduction of the activations, the packed
// weights and the parameters of a CTA's tile, by the threads of one group of warps.
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
struct Stage {
  static constexpr TileShape kTile = kTiles[TileIndex];
  static constexpr StageBytes kBytes{kTile, G, Transposed};
  static constexpr int kThreads = kTile.groupWarps() * 32;
  static constexpr int kHalfTile = kTile.features == 32;  // a tile may be half of a super-tile

  const FusedArguments& args;
  const int thread;        // in the group
  const int firstFeature, firstToken;
  const char* x;           // this thread's first piece of chunk 0

  __device__ __forceinline__ Stage(const FusedArguments& a, int thread_, int feature, int token)
      : args(a), thread(thread_), firstFeature(feature), firstToken(token) {
    x = static_cast<const char*>(a.x) + ((token + thread / 8) * a.xStride + thread % 8 * 8) * 2;
  }

  __device__ __forceinline__ void load(uint32_t base, int chunk) const {
    loadWeights(base + kBytes.x, chunk);
    if constexpr (kBytes.params > 0) loadParams(base + kBytes.x + kBytes.weights, chunk);
    loadActivations(base, chunk);
  }

 private:
  __device__ __forceinline__ void loadActivations(uint32_t base, int chunk) const {
    constexpr int kPieces = kTile.tokens * 8;
    const int piece = thread % 8;
    const int left = (args.reduction - chunk * kChunk - piece * 8) * 2;  // bytes of the row from this piece on
    const uint32_t valid = left >= 16 ? 16 : left > 0 ? left : 0;
    const char* source = x + chunk * (kChunk * 2);
#pragma unroll
    for (int i = 0; i < ceilDiv(kPieces, kThreads); i++) {
      const int row = thread / 8 + i * (kThreads / 8);
      if (kPieces % kThreads != 0 && row >= kTile.tokens) break;
      const uint32_t bytes = firstToken + row < args.tokens ? valid : 0;
      const uint32_t target = base + row * 128 + ((piece ^ (row & 7)) << 4);
      const char* from = source + i * (kThreads / 8) * args.xStride * 2;
      if (args.xAligned) {
        ptx::copyAsync16(target, from, bytes);
      } else {
        copyElements(target, from, bytes);
      }
    }
  }

  // Rows that are not 16-byte aligned: two bytes at a time.
  __device__ __forceinline__ static void copyElements(uint32_t target, const char* from, uint32_t bytes) {
    uint32_t words[4] = {0, 0, 0, 0};
#pragma unroll
    for (int i = 0; i < 8; i++)
      if (2 * i < bytes) words[i / 2] |= static_cast<uint32_t>(reinterpret_cast<const uint16_t*>(from)[i]) << (i % 2 * 16);
    ptx::storeShared16(target, make_uint4(words[0], words[1], words[2], words[3]));
  }

  __device__ __forceinline__ void loadWeights(uint32_t base, int chunk) const {
    constexpr int kPieces = kTile.features * 2;  // of 16 bytes; a super-tile is 128
    const int tile = firstFeature / 64;
    const int64_t first = Transposed ? static_cast<int64_t>(tile) * args.tilesN + chunk
                                     : static_cast<int64_t>(chunk) * args.tilesN + tile;
    const uint8_t* source = args.packed + first * layout::kTileBytes;
    const int64_t step = (Transposed ? args.tilesN : 1) * static_cast<int64_t>(layout::kTileBytes);
#pragma unroll
    for (int i = 0; i < ceilDiv(kPieces, kThreads); i++) {
      const int piece = thread + i * kThreads;
      if (kPieces % kThreads != 0 && piece >= kPieces) break;
      const uint8_t* from;
      bool present = true;
      if constexpr (kHalfTile) {
        const int half = firstFeature / 32 % 2;
        from = Transposed ? source + piece / 16 * 512 + half * 256 + piece % 16 * 16
                          : source + half * 1024 + piece * 16;
      } else {
        from = source + piece / 128 * step + piece % 128 * 16;
        present = tile + piece / 128 < args.featureTiles64;
      }
      ptx::copyAsync16(base + piece * 16, from, present ? 16 : 0);
    }
  }

  __device__ __forceinline__ void loadParams(uint32_t base, int chunk) const {
    constexpr int kEntryPieces = layout::kEntryBytes / 16;
    constexpr int kPieces = paramEntries(kTile, G, Transposed) * kEntryPieces;
    // Entries that lie side by side in the table: along n.
    constexpr int kRun = Transposed ? kSlabs : kTile.features / 16;
    const int firstEntry = Transposed ? chunk * kSlabs : firstFeature / 16;
#pragma unroll
    for (int i = 0; i < ceilDiv(kPieces, kThreads); i++) {
      const int piece = thread + i * kThreads;
      if (kPieces % kThreads != 0 && piece >= kPieces) break;
      const int run = piece / (kRun * kEntryPieces), inRun = piece % (kRun * kEntryPieces);
      // The group of this run: along k, which is the reduction or the features.
      const int unit = G == Grouping::Coarse ? (Transposed ? firstFeature / 64 + run : chunk)
                                             : (Transposed ? firstFeature / 16 + run : chunk * kSlabs + run);
      const int row = min(static_cast<int>(args.group.divide(unit)), args.paramRows - 1);
      const bool present = firstEntry + inRun / kEntryPieces < args.entriesPerRow;
      const uint8_t* from = args.params + row * args.paramRowBytes + (firstEntry * kEntryPieces + inRun) * 16;
      ptx::copyAsync16(base + piece * 16, from, present ? 16 : 0);
    }
  }
};

}  // namespace w4a16::sm80
