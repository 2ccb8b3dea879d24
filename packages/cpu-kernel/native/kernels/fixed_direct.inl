// Fixed point for one or two rows. Included into an anonymous namespace of avx512_fixed.cpp.

// One or two rows straight from the packed codes, one accumulator for each digit. Integer sums are
// exact, so the result is that of micro, bit for bit.
template <int ROWS, int DIGITS>
void direct(const Job& job, size_t tile, size_t begin, Scratch& s) {
  const WeightView& w = *job.weight;
  const size_t blocks = blockCount(w);
  for (size_t i = 0; i < blocks; i++) {
    const Block b = blockAt(w, i);
    const Operands<ROWS> o(job, b, begin);
    const BlockWeights weights = weightsOf(w, b, tile);
    const uint8_t* codes = weights.codes;
    __m512i acc[DIGITS][ROWS][4];
#pragma GCC unroll 3
    for (int d = 0; d < DIGITS; d++) {
#pragma GCC unroll 2
      for (int r = 0; r < ROWS; r++) {
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) acc[d][r][j] = _mm512_setzero_si512();
      }
    }
    const size_t plane = b.quads * kQuad;
    for (size_t q = 0; q < b.quads; q += 2, codes += kPairBytes) {
      prefetchPair(codes);
      const int8_t* x[DIGITS][ROWS];
#pragma GCC unroll 3
      for (int d = 0; d < DIGITS; d++) {
        for (int r = 0; r < ROWS; r++) x[d][r] = o.x[r] + d * plane;
        addQuad<ROWS, 0>(acc[d], x[d], q, codes);
      }
#pragma GCC unroll 3
      for (int d = 0; d < DIGITS; d++) addQuad<ROWS, 1>(acc[d], x[d], q, codes);
    }
#pragma GCC unroll 3
    for (int d = 1; d < DIGITS; d++) {
#pragma GCC unroll 2
      for (int r = 0; r < ROWS; r++) {
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) {
          acc[0][r][j] = _mm512_add_epi32(_mm512_slli_epi32(acc[0][r][j], 8), acc[d][r][j]);
        }
      }
    }
    finish<ROWS>(acc[0], o, weights, s.y, i == 0);
  }
  storePanel(job, tile, begin, ROWS, s.y);
}
