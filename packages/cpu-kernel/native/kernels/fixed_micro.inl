// A few rows by one block of codes in fixed point. Included into an anonymous namespace, after
// fixed_digits.inl.

constexpr int kMicroRows = 6;

constexpr size_t kPairBytes = 2 * kQuadBytes;

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

inline void prefetchPair(const uint8_t* codes) {
#pragma GCC unroll 4
  for (size_t i = 0; i < kPairBytes; i += 64) {
    _mm_prefetch(reinterpret_cast<const char*>(codes + 4096 + i), _MM_HINT_T0);
  }
}

struct Operands {
  const int8_t* x[kMicroRows];
  BlockScale scale[kMicroRows];
  const float *scales, *zeros;
  __m512 centre;
  size_t quads;
};

inline __m512i quadOf(const int8_t* x, size_t quad) {
  uint32_t bits;
  copyBytes(&bits, x + kQuad * quad, sizeof bits);
  return _mm512_set1_epi32(int(bits));
}

template <int ROWS>
inline void finish(const __m512i (*acc)[4], const Operands& o, float* y, bool first) {
#pragma GCC unroll 4
  for (int j = 0; j < 4; j++) {
    const __m512 scale = _mm512_loadu_ps(o.scales + 16 * j);
    const __m512 zero = _mm512_sub_ps(_mm512_loadu_ps(o.zeros + 16 * j), o.centre);
#pragma GCC unroll 6
    for (int i = 0; i < ROWS; i++) {
      const float sum = float(o.scale[i].sum);
      // Σ q·(code - 8), still exact.
      const __m512i centred =
          _mm512_sub_epi32(acc[i][j], _mm512_set1_epi32(int(uint32_t(o.scale[i].sum) * 8)));
      const __m512 t = _mm512_fnmadd_ps(zero, _mm512_set1_ps(sum), _mm512_cvtepi32_ps(centred));
      float* to = y + i * kTile + 16 * j;
      const __m512 before = first ? _mm512_setzero_ps() : _mm512_load_ps(to);
      const __m512 step = _mm512_mul_ps(scale, _mm512_set1_ps(o.scale[i].step));
      _mm512_store_ps(to, _mm512_fmadd_ps(t, step, before));
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
void micro(const Operands& o, const uint8_t* codes, float* y, bool first) {
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
    for (size_t q = 0; q < o.quads; q += 2) {
      const uint8_t* pair = codes + q * kQuadBytes;
      if (d == 0) prefetchPair(pair);
      addQuad<ROWS, 0>(acc, x, q, pair);
      addQuad<ROWS, 1>(acc, x, q, pair);
    }
    for (int i = 0; i < ROWS; i++) x[i] += o.quads * kQuad;
  }
  finish<ROWS>(acc, o, y, first);
}

template <int DIGITS>
void microRows(int rows, const Operands& o, const uint8_t* codes, float* y, bool first) {
  switch (rows) {
    case 1:
      return micro<1, DIGITS>(o, codes, y, first);
    case 2:
      return micro<2, DIGITS>(o, codes, y, first);
    case 3:
      return micro<3, DIGITS>(o, codes, y, first);
    case 4:
      return micro<4, DIGITS>(o, codes, y, first);
    case 5:
      return micro<5, DIGITS>(o, codes, y, first);
    default:
      return micro<6, DIGITS>(o, codes, y, first);
  }
}
