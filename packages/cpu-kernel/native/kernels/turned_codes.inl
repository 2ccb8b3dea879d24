// Codes with the output columns of the transposed product in the lanes, as operands of vpdpbusd.
// Included into an anonymous namespace, after scaled_digits.inl.
//
// turnBytes makes of a quad's dwords (4 rows of one column) dwords of 4 columns of one row; moving
// 128-bit parts between the vectors of 4 quads then puts 16 rows into the lanes of one.

struct TurnedCodes {
  alignas(64) int8_t at[kTile / 4][4][64];  // code - 8, [quads of n][16 k each]: [16 k][4 n]
  alignas(64) int32_t sums[kTile];          // Σ_n (code - 8)
};

inline const uint8_t* codesOf(const WeightView& w, size_t nTile, size_t quad) {
  return w.codes + (nTile * w.quads + quad) * kQuadBytes;
}

// The next tile of n is far away in memory: fetched while this one is worked on.
inline size_t toNextTile(const WeightView& w, size_t nTile) {
  return nTile + 1 == w.nTiles ? 0 : w.quads * kQuadBytes;
}

template <size_t BYTES>
inline void prefetchBytes(const uint8_t* from) {
#pragma GCC unroll 8
  for (size_t i = 0; i < BYTES; i += 64) {
    _mm_prefetch(reinterpret_cast<const char*>(from + i), _MM_HINT_T0);
  }
}

__attribute__((noinline)) void turnCodes(const WeightView& w, size_t nTile, size_t quad,
                                         TurnedCodes& to) {
  const __m512i low = _mm512_set1_epi8(15), eight = _mm512_set1_epi8(8);
  const size_t ahead = toNextTile(w, nTile);
  for (size_t part = 0; part < 4; part++) {
    __m512i sum = _mm512_setzero_si512();  // of codes, at most 16 · 15 in a byte
#pragma GCC unroll 2
    for (size_t half = 0; half < 2; half++) {
      __m512i v[4];
#pragma GCC unroll 4
      for (size_t i = 0; i < 4; i++) {
        const uint8_t* from = codesOf(w, nTile, quad + 4 * part + i) + 64 * half;
        prefetchBytes<64>(from + ahead);
        v[i] = turnBytes(_mm512_load_si512(from));
      }
      const __m512i ab0 = _mm512_shuffle_i32x4(v[0], v[1], 0x44);
      const __m512i ab1 = _mm512_shuffle_i32x4(v[0], v[1], 0xee);
      const __m512i cd0 = _mm512_shuffle_i32x4(v[2], v[3], 0x44);
      const __m512i cd1 = _mm512_shuffle_i32x4(v[2], v[3], 0xee);
      const __m512i turned[4] = {
          _mm512_shuffle_i32x4(ab0, cd0, 0x88), _mm512_shuffle_i32x4(ab0, cd0, 0xdd),
          _mm512_shuffle_i32x4(ab1, cd1, 0x88), _mm512_shuffle_i32x4(ab1, cd1, 0xdd)};
#pragma GCC unroll 4
      for (size_t i = 0; i < 4; i++) {
        const __m512i a = _mm512_and_si512(turned[i], low);
        const __m512i b = _mm512_and_si512(_mm512_srli_epi16(turned[i], 4), low);
        sum = _mm512_add_epi8(sum, _mm512_add_epi8(a, b));
        _mm512_store_si512(to.at[8 * half + i][part], _mm512_sub_epi8(a, eight));
        _mm512_store_si512(to.at[8 * half + 4 + i][part], _mm512_sub_epi8(b, eight));
      }
    }
    _mm512_store_si512(
        to.sums + 16 * part,
        _mm512_dpbusd_epi32(_mm512_set1_epi32(-8 * int(kTile)), sum, _mm512_set1_epi8(1)));
  }
}
