// The float32 path, over any vector type Vec: weights dequantized to float32 into a tile that stays
// in the first-level cache, then fused multiply-adds. Serves both products, every group size and
// every activation; infinities and NaNs need no special care. Included into an anonymous namespace.
//
// Vec gives: kLanes; kMicroRows × kMicroVectors, the accumulators of the inner loop; load, store,
// zero, broadcast, +, -, *, fma; conversions of 16-bit formats; fromNibbles(dwords, shift) or, if
// it has 16 lanes, fromPairs(dwords, byte); turn.

// Packed X: [blocks of 64 along the reduction][rows][64] float32.
size_t floatPackedBytes(const WeightView& w, bool transposed, size_t rows) {
  const size_t blocks = transposed ? w.nTiles : w.quads / kTileQuads;
  return blocks * rows * kTile * sizeof(float);
}

struct FloatScratch {
  alignas(64) float tile[kTile * kTile];  // [reduction][64 output columns]
  alignas(64) float y[kPanelRows * kTile];
  alignas(64) uint32_t turned[16 * kTileQuads];
  alignas(64) float scales[kTile * kTileQuads];
  alignas(64) float zeros[kTile * kTileQuads];
};

size_t floatScratchBytes(const WeightView& w, bool transposed) {
  const size_t row = (transposed ? w.nTiles * kTile : w.quads * kQuad) * sizeof(float);
  return row > sizeof(FloatScratch) ? row : sizeof(FloatScratch);
}

template <class Vec>
void floatPack(const Job& job, size_t begin, size_t end, uint8_t* scratch) {
  const WeightView& w = *job.weight;
  const size_t blocks = job.transposed ? w.nTiles : w.quads / kTileQuads;
  float* row = reinterpret_cast<float*>(scratch);
  float* packed = reinterpret_cast<float*>(job.packed);
  for (size_t m = begin; m < end; m++) {
    widenRow<Vec>(job, m, row);
    for (size_t b = 0; b < blocks; b++) {
      copyBytes(packed + (b * job.rows + m) * kTile, row + b * kTile, kTile * sizeof(float));
    }
    job.rowClass[m] = kRegular;
  }
}

// 64 packed elements of a row.
const float* floatsOf(const Job& job, size_t block, size_t row) {
  return reinterpret_cast<const float*>(job.packed) + (block * job.rows + row) * kTile;
}

template <class Vec>
inline Vec dequantize(Vec nibbles, Vec bias, Vec scale, Vec zero) {
  return ((nibbles - bias) - zero) * scale;
}

// tile[k][n] for 16 quads from `quad` on.
template <class Vec>
void dequantizeForward(const WeightView& w, size_t nTile, size_t quad, float* tile) {
  const uint32_t* codes =
      reinterpret_cast<const uint32_t*>(w.codes + (nTile * w.quads + quad) * kQuadBytes);
  const Vec bias = Vec::broadcast(w.codeBias);
  for (size_t q = 0; q < kTileQuads; q++) {
    const uint32_t* pair = codes + q / 2 * kTile;
    float* rows = tile + q * kQuad * kTile;
    const size_t group = (quad + q) / w.quadsPerGroup;
    const size_t inGroup = (quad + q - group * w.quadsPerGroup) * kQuad;
    const size_t real = group < w.groups && inGroup < w.groupSize ? w.groupSize - inGroup : 0;
    const size_t parameters = (nTile * w.groups + group) * kTile;
    for (size_t n = 0; real > 0 && n < kTile; n += Vec::kLanes) {
      const Vec scale = Vec::load(w.scales + parameters + n);
      const Vec zero = Vec::load(w.zeros + parameters + n);
      for (int b = 0; b < 4; b++) {
        const Vec nibbles = Vec::fromNibbles(pair + n, 8 * b + 4 * int(q % 2));
        dequantize(nibbles, bias, scale, zero).store(rows + b * kTile + n);
      }
    }
    // An infinite scale or zero would make NaNs of the padding's zeros.
    for (size_t i = real * kTile; i < kQuad * kTile; i += Vec::kLanes) Vec::zero().store(rows + i);
  }
}

// Turned, 8 dwords of a column stand for 16 quads: the first of each pair, then the second ones.
constexpr size_t kTilePairs = kTileQuads / 2;

size_t quadOfLane(size_t lane) {
  return lane % kTilePairs * 2 + lane / kTilePairs;
}

// The codes of row `byte` of the quads of lanes [lane, lane + kLanes).
template <class Vec>
inline Vec turnedNibbles(const uint32_t* dwords, size_t lane, int byte) {
  if constexpr (Vec::kLanes > kTilePairs) {
    return Vec::fromPairs(dwords, byte);
  } else {
    return Vec::fromNibbles(dwords + lane % kTilePairs, 8 * byte + 4 * int(lane / kTilePairs));
  }
}

// The dwords of column n, counted from an even multiple of 16, that Vec::turn wrote.
inline const uint32_t* turnedColumn(const uint32_t* turned, size_t n) {
  return turned + n % 16 * 16 + n / 16 * kTilePairs;
}

// Scales and zeros of tile (nTile, 16 quads from `quad` on) as [64 n][16 lanes].
void spreadParameters(const WeightView& w, size_t nTile, size_t quad, float* scales, float* zeros) {
  const size_t quads = w.groups * w.quadsPerGroup;
  for (size_t lane = 0; lane < kTileQuads; lane++) {
    const size_t q = quad + quadOfLane(lane);
    const size_t from = (nTile * w.groups + q / w.quadsPerGroup) * kTile;
    for (size_t n = 0; n < kTile; n++) {
      scales[n * kTileQuads + lane] = q < quads ? w.scales[from + n] : 0;
      zeros[n * kTileQuads + lane] = q < quads ? w.zeros[from + n] : 0;
    }
  }
}

// Whether 16 quads from `quad` on share their scales.
bool liesInOneGroup(const WeightView& w, size_t quad) {
  const size_t group = quad / w.quadsPerGroup;
  return group < w.groups && (quad + kTileQuads - 1) / w.quadsPerGroup == group;
}

// tile[n][column], where column 16·b + lane is the b-th row of that lane's quad: with the quads in
// the lanes, a dword's nibbles come out by shifting alone. storeTransposed puts the columns in
// order.
template <class Vec>
void dequantizeTransposed(const WeightView& w, size_t nTile, size_t quad, FloatScratch& s) {
  const uint32_t* codes =
      reinterpret_cast<const uint32_t*>(w.codes + (nTile * w.quads + quad) * kQuadBytes);
  const Vec bias = Vec::broadcast(w.codeBias);
  const size_t group = quad / w.quadsPerGroup;
  const bool oneGroup = liesInOneGroup(w, quad);
  if (!oneGroup) spreadParameters(w, nTile, quad, s.scales, s.zeros);
  const float* scales = w.scales + (nTile * w.groups + group) * kTile;
  const float* zeros = w.zeros + (nTile * w.groups + group) * kTile;
  for (size_t n = 0; n < kTile; n++) {
    if (n % 32 == 0) Vec::turn(codes + n, s.turned);
    const uint32_t* dwords = turnedColumn(s.turned, n % 32);
    float* row = s.tile + n * kTile;
    for (size_t lane = 0; lane < kTileQuads; lane += Vec::kLanes) {
      const Vec scale =
          oneGroup ? Vec::broadcast(scales[n]) : Vec::load(s.scales + n * kTileQuads + lane);
      const Vec zero =
          oneGroup ? Vec::broadcast(zeros[n]) : Vec::load(s.zeros + n * kTileQuads + lane);
      for (int b = 0; b < 4; b++) {
        dequantize(turnedNibbles<Vec>(dwords, lane, b), bias, scale, zero)
            .store(row + b * kTileQuads + lane);
      }
    }
  }
}

// y[i][0..64) += Σ_k x[i][k] · tile[k][0..64) for ROWS rows, k in order. A block's sum starts from
// zero and is then added: rounding errors grow with the block and with the number of blocks, not
// with the whole reduction.
template <class Vec, int ROWS>
void floatMicro(const float* const* x, const float* tile, float* y, bool first) {
  constexpr int V = Vec::kMicroVectors;
  for (size_t column = 0; column < kTile; column += V * Vec::kLanes) {
    Vec acc[ROWS][V];
#pragma GCC unroll 8
    for (int i = 0; i < ROWS; i++) {
#pragma GCC unroll 8
      for (int v = 0; v < V; v++) {
        acc[i][v] = Vec::zero();
      }
    }
    const float* t = tile + column;
    for (size_t k = 0; k < kTile; k++, t += kTile) {
      Vec w[V];
#pragma GCC unroll 8
      for (int v = 0; v < V; v++) w[v] = Vec::load(t + v * Vec::kLanes);
#pragma GCC unroll 8
      for (int i = 0; i < ROWS; i++) {
        const Vec a = Vec::broadcast(x[i][k]);
#pragma GCC unroll 8
        for (int v = 0; v < V; v++) acc[i][v] = fma(a, w[v], acc[i][v]);
      }
    }
#pragma GCC unroll 8
    for (int i = 0; i < ROWS; i++) {
#pragma GCC unroll 8
      for (int v = 0; v < V; v++) {
        float* to = y + i * kTile + column + v * Vec::kLanes;
        (first ? acc[i][v] : Vec::load(to) + acc[i][v]).store(to);
      }
    }
  }
}

template <class Vec>
void storeTransposed(const Job& job, size_t row, size_t tile, const float* y) {
  const WeightView& w = *job.weight;
  alignas(64) float ordered[kTile];
  size_t begin = 0, count = 0;
  for (size_t q = 0; q < kTileQuads; q++) {
    const KRange real = realColumns(w, tile * kTileQuads + q);
    if (q == 0) begin = real.begin;
    const size_t lane = q % 2 * kTilePairs + q / 2;
    for (size_t b = 0; b < real.count; b++) ordered[count++] = y[b * kTileQuads + lane];
  }
  storeRow<Vec>(job, row, begin, count, ordered);
}

// Calls f(count, x, from) for every few rows order[begin + from ..) of a panel, with their packed
// elements of one block.
template <class Vec, class F>
void forFloatRows(const Job& job, size_t block, size_t begin, size_t end, F f) {
  const float* packed = reinterpret_cast<const float*>(job.packed) + block * job.rows * kTile;
  forMicroRows<Vec::kMicroRows>(end - begin, [&](size_t from, auto count) {
    const float* x[count.value];
    for (size_t i = 0; i < count.value; i++) x[i] = packed + job.order[begin + from + i] * kTile;
    f(count, x, from);
  });
}

template <class Vec>
void floatComputeTile(const Job& job, size_t tile, size_t begin, size_t end, FloatScratch& s) {
  const WeightView& w = *job.weight;
  const size_t blocks = job.transposed ? w.nTiles : w.quads / kTileQuads;
  const size_t rows = end - begin;
  for (size_t b = 0; b < blocks; b++) {
    if (job.transposed) {
      dequantizeTransposed<Vec>(w, b, tile * kTileQuads, s);
    } else {
      dequantizeForward<Vec>(w, tile, b * kTileQuads, s.tile);
    }
    forFloatRows<Vec>(job, b, begin, end, [&](auto count, const float* const* x, size_t from) {
      floatMicro<Vec, count.value>(x, s.tile, s.y + from * kTile, b == 0);
    });
  }
  for (size_t i = 0; i < rows; i++) {
    const float* y = s.y + i * kTile;
    if (job.transposed) {
      storeTransposed<Vec>(job, job.order[begin + i], tile, y);
    } else {
      storeRow<Vec>(job, job.order[begin + i], tile * kTile, tileColumns(w.n, tile), y);
    }
  }
}

template <class Vec>
void floatCompute(const Job& job, RowClass, size_t tile, size_t tiles, size_t begin, size_t end,
                  uint8_t* scratch) {
  for (size_t t = tile; t < tile + tiles; t++) {
    floatComputeTile<Vec>(job, t, begin, end, *reinterpret_cast<FloatScratch*>(scratch));
  }
}
