// The forward product of a panel, block by block, for kernels whose sums of a block are scaled
// once. Included into an anonymous namespace, after blocks.inl.

constexpr size_t kPairBytes = 2 * kQuadBytes;

// A block of a tile's weights.
struct BlockWeights {
  const uint8_t* codes;
  size_t quads;
  const float *scales, *zeros;
  __m512 centre;  // what zeros are taken relative to

  inline __m512 scale(int j) const { return _mm512_loadu_ps(scales + 16 * j); }
  inline __m512 centredZero(int j) const {
    return _mm512_sub_ps(_mm512_loadu_ps(zeros + 16 * j), centre);
  }
};

inline BlockWeights weightsOf(const WeightView& w, const Block& b, size_t tile) {
  const size_t parameters = (tile * w.groups + b.group) * kTile;
  return {w.codes + (tile * w.quads + b.quad) * kQuadBytes, b.quads, w.scales + parameters,
          w.zeros + parameters, _mm512_set1_ps(8 - w.codeBias)};
}

inline void prefetchPair(const uint8_t* codes) {
#pragma GCC unroll 4
  for (size_t i = 0; i < kPairBytes; i += 64) {
    _mm_prefetch(reinterpret_cast<const char*>(codes + 4096 + i), _MM_HINT_T0);
  }
}

// Stores `rows` rows of a tile.
inline void storePanel(const Job& job, size_t tile, size_t begin, size_t rows, const float* y) {
  const size_t columns = tileColumns(job.weight->n, tile);
  for (size_t r = 0; r < rows; r++) {
    storeRow<Vec>(job, job.order[begin + r], tile * kTile, columns, y + r * kTile);
  }
}

// Calls micro(count, block, weights, from, y, first) for every few rows order[begin + from ..) and
// block, to add the block to their y.
template <class Micro>
inline void forwardPanel(const Job& job, size_t tile, size_t begin, size_t end, float* y,
                         Micro micro) {
  const WeightView& w = *job.weight;
  const size_t blocks = blockCount(w), rows = end - begin;
  for (size_t i = 0; i < blocks; i++) {
    const Block b = blockAt(w, i);
    const BlockWeights weights = weightsOf(w, b, tile);
    forMicroRows<Vec::kMicroRows>(rows, [&](size_t from, auto count) {
      micro(count, b, weights, from, y + from * kTile, i == 0);
    });
  }
  storePanel(job, tile, begin, rows, y);
}
