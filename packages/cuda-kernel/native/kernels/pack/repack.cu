#include "../../layout/quads.hpp"
#include "grid.cuh"
#include "pack.hpp"

namespace w4a16 {
namespace {

// One thread a row of eight quads: 16 contiguous bytes of a block.
__global__ void repackKernel(const uint8_t* interchange, uint8_t* packed, int64_t N, int64_t K,
                             bool isSigned, int64_t rows) {
  const layout::PackedExtent extent(N, K);
  for (int64_t i = firstIndex(); i < rows; i += indexStep()) {
    // i counts [tileK][tileN][blockN][blockK][row], as the bytes lie
    const int64_t tile = i >> 7;
    const int64_t n = tile % extent.tilesN * 64 + (i >> 5 & 3) * 16 + (i & 7);
    const int64_t k = tile / extent.tilesN * 64 + (i >> 3 & 3) * 16;
    uint32_t words[4];
    for (int j = 0; j < 4; j++)
      words[j] =
          layout::makeQuad(interchange, n, k + 2 * j, N, K, isSigned) |
          static_cast<uint32_t>(layout::makeQuad(interchange, n, k + 2 * j + 1, N, K, isSigned))
              << 16;
    reinterpret_cast<uint4*>(packed)[i] = make_uint4(words[0], words[1], words[2], words[3]);
  }
}

}  // namespace

cudaError_t launchRepack(const uint8_t* interchange, uint8_t* packed, int64_t N, int64_t K,
                         bool isSigned, cudaStream_t stream) {
  const int64_t rows = layout::PackedExtent(N, K).bytes() / 16;
  repackKernel<<<gridFor(rows), kPackThreads, 0, stream>>>(interchange, packed, N, K, isSigned,
                                                           rows);
  return cudaGetLastError();
}

}  // namespace w4a16
