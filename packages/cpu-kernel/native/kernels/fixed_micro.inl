// A few rows by one block of codes in fixed point. Included into an anonymous namespace, after
// fixed_digits.inl.

// The codes of the first or second quad of a pair.
template <int QUAD>
inline void unpackQuad(const uint8_t* pair, __m512i w[4]) {
  const __m512i low = _mm512_set1_epi8(15);
#pragma GCC unroll 4
  for (int j = 0; j < 4; j++) {
    const __m512i v = _mm512_load_si512(pair + j * 64);
    w[j] = _mm512_and_si512(QUAD == 0 ? v : _mm512_srli_epi16(v, 4), low);
  }
}

// The digits of ROWS rows in one block.
template <int ROWS>
struct Operands {
  const int8_t* x[ROWS];
  BlockScale scale[ROWS];

  inline Operands(const Job& job, const Block& b, size_t begin) {
    for (int i = 0; i < ROWS; i++) {
      const size_t row = job.order[begin + size_t(i)];
      x[i] = packedRow(job, b, row);
      scale[i] = scalesOf(job, b)[row];
    }
  }
};

inline __m512i quadOf(const int8_t* x, size_t quad) {
  uint32_t bits;
  copyBytes(&bits, x + kQuad * quad, sizeof bits);
  return _mm512_set1_epi32(int(bits));
}

template <int ROWS>
inline void finish(const __m512i (*acc)[4], const Operands<ROWS>& o, const BlockWeights& weights,
                   float* y, bool first) {
#pragma GCC unroll 4
  for (int j = 0; j < 4; j++) {
    const __m512 scale = weights.scale(j), zero = weights.centredZero(j);
#pragma GCC unroll 6
    for (int i = 0; i < ROWS; i++) {
      const float sum = float(o.scale[i].sum);
      // Σ q·(code - 8), still exact.
      const __m512i centred =
          _mm512_sub_epi32(acc[i][j], _mm512_set1_epi32(int(uint32_t(o.scale[i].sum) * 8)));
      const __m512 t = _mm512_fnmadd_ps(zero, _mm512_set1_ps(sum), _mm512_cvtepi32_ps(centred));
      float* to = y + i * kTile + 16 * j;
      const __m512 before = first ? _mm512_setzero_ps() : _mm512_load_ps(to);
      // In this order: a tiny step by a tiny scale would vanish.
      const __m512 sums = _mm512_mul_ps(t, _mm512_set1_ps(o.scale[i].step));
      _mm512_store_ps(to, _mm512_fmadd_ps(sums, scale, before));
    }
  }
}

// acc[i][j] += quad q of ROWS rows, of which it is the first or second of a pair.
template <int ROWS, int QUAD>
inline void addQuad(__m512i (*acc)[4], const int8_t* const* x, size_t q, const uint8_t* pair) {
  __m512i w[4];
  unpackQuad<QUAD>(pair, w);
#pragma GCC unroll 6
  for (int i = 0; i < ROWS; i++) {
    const __m512i a = quadOf(x[i], q + QUAD);
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) acc[i][j] = _mm512_dpbusd_epi32(acc[i][j], w[j], a);
  }
}

template <int ROWS, int DIGITS>
void micro(const Operands<ROWS>& o, const BlockWeights& weights, float* y, bool first) {
  __m512i acc[ROWS][4];
#pragma GCC unroll 6
  for (int i = 0; i < ROWS; i++) {
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) acc[i][j] = _mm512_setzero_si512();
  }
  const int8_t* x[ROWS];
  for (int i = 0; i < ROWS; i++) x[i] = o.x[i];
  // Horner's rule over the digits, most significant first.
  for (int d = 0; d < DIGITS; d++) {
    if (d > 0) {
#pragma GCC unroll 6
      for (int i = 0; i < ROWS; i++) {
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) acc[i][j] = _mm512_slli_epi32(acc[i][j], 8);
      }
    }
    for (size_t q = 0; q < weights.quads; q += 2) {
      const uint8_t* pair = weights.codes + q * kQuadBytes;
      if (d == 0) prefetchPair(pair);
      addQuad<ROWS, 0>(acc, x, q, pair);
      addQuad<ROWS, 1>(acc, x, q, pair);
    }
    for (int i = 0; i < ROWS; i++) x[i] += weights.quads * kQuad;
  }
  finish<ROWS>(acc, o, weights, y, first);
}
