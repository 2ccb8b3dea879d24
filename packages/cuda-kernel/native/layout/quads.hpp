// Where a 4-bit code lies in the packed weight. This file is the definition; the
// kernels, the repacking and the tests all use it.
//
// One packed copy serves both products, Y = X·Wᵀ and dX = dY·W (W is [N, K]):
//
//   quad        the codes (n, k), (n, k+8), (n+8, k), (n+8, k+8) in one 16-bit
//               word, from the low nibble to the high one
//   block       16 × 16 codes (n, k) = 8 × 8 quads, row-major in (n, k): 128 bytes
//   super-tile  64 × 64 codes = 4 × 4 blocks, row-major in (n, k): 2048 bytes
//   weight      super-tiles ordered [⌈K/64⌉][⌈N/64⌉]
//
// Why quads: `ldmatrix` spreads a block over a warp so that lane (r, c) =
// (lane / 4, lane % 4) gets the quads (r, 2c) and (r, 2c+1) in one register, and
// `ldmatrix.trans` the quads (2c, r) and (2c+1, r). Nibble i of both halves is then
// a pair of neighbours along the reduction, which is what one 16-bit-pair register
// of an mma/wgmma A fragment holds:
//
//   A = W  (rows n, reduction k), ldmatrix:        a0 a1 a2 a3 = nibbles 0 2 1 3
//   A = Wᵀ (rows k, reduction n), ldmatrix.trans:  a0 a1 a2 a3 = nibbles 0 1 2 3
//
// A block is 128 contiguous bytes, so no access conflicts on a bank, and one
// `ldmatrix.x4` brings a warp 1024 codes.
//
// Codes are stored unsigned: a signed code c (−8..7) as c ^ 8 = c + 8 (0..15), with
// its zero point raised by 8, so that kernels see one form. N and K are padded to
// 64 in this buffer only, with code 0; padding never reaches a result.
#pragma once
#include "host_device.hpp"

namespace w4a16::layout {

constexpr int kBlockSize = 16;
constexpr int kBlockBytes = 128;
constexpr int kTileSize = 64;
constexpr int kTileBytes = 2048;
constexpr int kBlocksPerTile = kTileSize / kBlockSize;  // along one dimension

// Which nibble of its quad holds code (n, k).
W4A16_HOST_DEVICE constexpr int quadNibble(int64_t n, int64_t k) {
  return static_cast<int>(((n >> 3) & 1) * 2 + ((k >> 3) & 1));
}

// Nibbles of the four A-fragment registers, in their order.
W4A16_HOST_DEVICE constexpr int fragmentNibble(int reg, bool transposed) {
  return transposed ? reg : (reg & 1) * 2 + (reg >> 1);
}

// The padded extents of a packed weight [N, K].
struct PackedExtent {
  int64_t tilesN;
  int64_t tilesK;

  W4A16_HOST_DEVICE constexpr PackedExtent(int64_t n, int64_t k)
      : tilesN(ceilDiv<int64_t>(n, kTileSize)), tilesK(ceilDiv<int64_t>(k, kTileSize)) {}

  W4A16_HOST_DEVICE constexpr int64_t bytes() const { return tilesN * tilesK * kTileBytes; }

  // Byte offset of the super-tile that holds (n, k).
  W4A16_HOST_DEVICE constexpr int64_t tileOffset(int64_t n, int64_t k) const {
    return ((k / kTileSize) * tilesN + n / kTileSize) * kTileBytes;
  }

  // Byte offset of the (16-bit, little-endian) quad that holds (n, k).
  W4A16_HOST_DEVICE constexpr int64_t quadOffset(int64_t n, int64_t k) const {
    const int64_t blockRow = (n % kTileSize) / kBlockSize;
    const int64_t blockCol = (k % kTileSize) / kBlockSize;
    const int64_t inBlock = ((n & 7) * 8 + (k & 7)) * 2;
    return tileOffset(n, k) + (blockRow * kBlocksPerTile + blockCol) * kBlockBytes + inBlock;
  }
};

// The interchange layout ("row interleave"): bytes [K/2, N]; the low nibble of byte
// (i, n) is code (n, 2i), the high one (n, 2i+1).
W4A16_HOST_DEVICE constexpr int64_t interchangeOffset(int64_t n, int64_t k, int64_t N) {
  return (k >> 1) * N + n;
}

// The code (n, k) as stored: unsigned. Outside the weight: 0.
W4A16_HOST_DEVICE constexpr uint32_t interchangeCode(const uint8_t* bytes, int64_t n, int64_t k,
                                                     int64_t N, int64_t K, bool isSigned) {
  if (n >= N || k >= K) return 0;
  const uint32_t code = (bytes[interchangeOffset(n, k, N)] >> ((k & 1) * 4)) & 15u;
  return isSigned ? code ^ 8u : code;
}

// The quad at (n, k), where n and k have bit 3 clear, from interchange bytes.
W4A16_HOST_DEVICE constexpr uint16_t makeQuad(const uint8_t* bytes, int64_t n, int64_t k, int64_t N,
                                              int64_t K, bool isSigned) {
  return static_cast<uint16_t>(interchangeCode(bytes, n, k, N, K, isSigned) |
                               interchangeCode(bytes, n, k + 8, N, K, isSigned) << 4 |
                               interchangeCode(bytes, n + 8, k, N, K, isSigned) << 8 |
                               interchangeCode(bytes, n + 8, k + 8, N, K, isSigned) << 12);
}

}  // namespace w4a16::layout
