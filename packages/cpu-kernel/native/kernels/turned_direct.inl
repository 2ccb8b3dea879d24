// The transposed product of one or two rows straight from the packed codes: what turning them costs
// would not pay. Included into an anonymous namespace, after turned_micro.inl.

// The signed digits of 64 n of a row in bytes, the lowest first, as they lie in the rounded products.
struct DirectDigits {
  alignas(64) uint8_t at[4][64];
  // Codes enter unsigned, which adds 8·Σ v of a part's n to its lanes: what the sums start with
  // instead of zero.
  alignas(64) int32_t start[16];
};

template <int DIGITS>
inline void writeDirect(const float* x, const __m512* scale, float inverse, DirectDigits& to) {
  const __m512i offset = _mm512_set1_epi32(int(kSignedOffset<DIGITS>));
  const __m512 factor = _mm512_set1_ps(inverse);
  const Products p(x, scale);
  __m512i v[4];
#pragma GCC unroll 4
  for (int j = 0; j < 4; j++) {
    v[j] = roundProduct<DIGITS>(p.at[j], factor, kSignedOffset<DIGITS>);
    _mm512_store_si512(to.at[j], _mm512_sub_epi8(v[j], offset));
  }
  __m512i sum = _mm512_add_epi32(_mm512_add_epi32(v[0], v[1]), _mm512_add_epi32(v[2], v[3]));
  sum = _mm512_add_epi32(sum, _mm512_shuffle_epi32(sum, _MM_PERM_BADC));
  sum = _mm512_add_epi32(sum, _mm512_shuffle_epi32(sum, _MM_PERM_CDAB));
  // Less the bits that 16 rounded zeros would have.
  const __m512i zero = roundProduct<DIGITS>(_mm512_setzero_ps(), factor, kSignedOffset<DIGITS>);
  const __m512i negative = _mm512_sub_epi32(_mm512_slli_epi32(zero, 4), sum);
  _mm512_store_si512(to.start, _mm512_slli_epi32(negative, 3));
}

// Those digits with those of 4 n in all lanes of their part.
template <int DIGITS>
struct SpreadDigits {
  __m512i at[4][DIGITS];
  __m512i start;

  explicit SpreadDigits(const DirectDigits& from) : start(_mm512_load_si512(from.start)) {
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) {
#pragma GCC unroll 3
      for (int d = 0; d < DIGITS; d++) {
        // Byte d of each of a part's four lanes, in all four.
        const __m512i bytes = _mm512_set1_epi32(0x0c080400 + 0x01010101 * d);
        at[j][d] = _mm512_shuffle_epi8(_mm512_load_si512(from.at[j]), bytes);
      }
    }
  }
};

// Σ v·(code - 8) for QUADS quads of k: vectors [part][row of the quad], each part of lanes summing
// other n. A chain of sums for each digit, so that none waits for another.
template <int ROWS, int QUADS, int DIGITS>
inline void addQuads(const uint8_t* from, const SpreadDigits<DIGITS>* a, __m512i (*sums)[4]) {
  const __m512i low = _mm512_set1_epi8(15);
  __m512i c[QUADS][4], acc[ROWS][QUADS][DIGITS];
#pragma GCC unroll 2
  for (int i = 0; i < QUADS; i++) {
#pragma GCC unroll 2
    for (int half = 0; half < 2; half++) {
      const __m512i v = turnBytes(_mm512_load_si512(from + i * kQuadBytes + 64 * half));
      c[i][2 * half] = _mm512_and_si512(v, low);
      c[i][2 * half + 1] = _mm512_and_si512(_mm512_srli_epi16(v, 4), low);
    }
  }
#pragma GCC unroll 4
  for (int j = 0; j < 4; j++) {
#pragma GCC unroll 3
    for (int d = 0; d < DIGITS; d++) {
#pragma GCC unroll 2
      for (int r = 0; r < ROWS; r++) {
#pragma GCC unroll 2
        for (int i = 0; i < QUADS; i++) {
          if (j == 0) acc[r][i][d] = d == 0 ? a[r].start : _mm512_setzero_si512();
          addProducts(acc[r][i][d], c[i][j], a[r].at[j][d]);
        }
      }
    }
  }
#pragma GCC unroll 2
  for (int r = 0; r < ROWS; r++) {
#pragma GCC unroll 2
    for (int i = 0; i < QUADS; i++) {
      __m512i sum = acc[r][i][DIGITS - 1];
#pragma GCC unroll 2
      for (int d = DIGITS - 2; d >= 0; d--) {
        sum = _mm512_add_epi32(_mm512_slli_epi32(sum, 8), acc[r][i][d]);
      }
      sums[r][i] = sum;
    }
  }
}

// One or two rows straight from the packed codes of one tile. The parts of lanes, which sum different
// n, are added at the end. Integer sums are exact, so the result is that of micro, bit for bit.
template <int ROWS, int DIGITS>
inline void direct(const uint8_t* from, const uint8_t* ahead, const SpreadDigits<DIGITS>* a,
                   const float* step, float* y, bool first) {
  constexpr int kQuads = ROWS == 1 ? 2 : 1;  // as many chains as hide the latency
  for (size_t part = 0; part < 4; part++) {
    __m512i acc[ROWS][4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i += kQuads) {
      prefetchBytes<kQuads * kQuadBytes>(ahead);
      __m512i sums[ROWS][4];
      addQuads<ROWS, kQuads, DIGITS>(from, a, sums);
#pragma GCC unroll 2
      for (int r = 0; r < ROWS; r++) {
#pragma GCC unroll 2
        for (int j = 0; j < kQuads; j++) acc[r][i + j] = sums[r][j];
      }
      from += kQuads * kQuadBytes;
      ahead += kQuads * kQuadBytes;
    }
#pragma GCC unroll 2
    for (int r = 0; r < ROWS; r++) {
      const __m512i* v = acc[r];
      const __m512i ab = _mm512_add_epi32(_mm512_shuffle_i32x4(v[0], v[1], 0x44),
                                          _mm512_shuffle_i32x4(v[0], v[1], 0xee));
      const __m512i cd = _mm512_add_epi32(_mm512_shuffle_i32x4(v[2], v[3], 0x44),
                                          _mm512_shuffle_i32x4(v[2], v[3], 0xee));
      const __m512i sums =
          _mm512_add_epi32(_mm512_shuffle_i32x4(ab, cd, 0x88), _mm512_shuffle_i32x4(ab, cd, 0xdd));
      addBlock(sums, step[r], y + r * kTile + 16 * part, first);
    }
  }
}
