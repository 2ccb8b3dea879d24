// The transposed product of a few rows by turned codes. Included into an anonymous namespace, after
// turned_codes.inl.

// y += step · sum, what 64 reduction columns add to 16 output columns of a row.
inline void addBlock(__m512i sum, float step, float* y, bool first) {
  const __m512 before = first ? _mm512_setzero_ps() : _mm512_load_ps(y);
  _mm512_store_ps(y, _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), _mm512_set1_ps(step), before));
}

inline __m512i digitsOf(const uint8_t* quad, int digit) {
  uint32_t bits;
  copyBytes(&bits, quad + 4 * digit, sizeof bits);
  return _mm512_set1_epi32(int(bits));
}

// acc + products, in place: left to itself, GCC copies accumulators about and spills them.
inline void addProducts(__m512i& acc, __m512i unsignedBytes, __m512i signedBytes) {
  asm("vpdpbusd %2, %1, %0" : "+v"(acc) : "v"(unsignedBytes), "v"(signedBytes));
}

// y[0..ROWS) += one block, by Horner's rule over the digits, most significant first. What its
// offset adds, the highest digit begins without. Meanwhile the 2 KB at `ahead` come into the
// first-level cache, a line at a time: all at once they would stall it. Not inlined: accumulators
// need all registers.
template <int ROWS, int DIGITS>
__attribute__((noinline)) void micro(const uint8_t* digits, const float* step,
                                     const TurnedCodes& codes, const uint8_t* ahead, float* y,
                                     bool first) {
  static_assert(2 * kTile / 4 * 64 == kTileQuads * kQuadBytes);
  __m512i acc[ROWS][4];
  const __m512i offset = _mm512_set1_epi32(-topOffset(DIGITS));
#pragma GCC unroll 4
  for (int j = 0; j < 4; j++) {
    const __m512i start = _mm512_mullo_epi32(_mm512_load_si512(codes.sums + 16 * j), offset);
#pragma GCC unroll 6
    for (int i = 0; i < ROWS; i++) acc[i][j] = start;
  }
#pragma GCC unroll 3
  for (int d = DIGITS - 1; d >= 0; d--) {
    if (d < DIGITS - 1) {
#pragma GCC unroll 6
      for (int i = 0; i < ROWS; i++) {
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) acc[i][j] = _mm512_slli_epi32(acc[i][j], 8);
      }
    }
    const uint8_t* from = digits;
    for (size_t q = 0; q < kTile / 4; q++, from += 16) {
      if (DIGITS == 2 && q % 4 == 0) from = digits + digitsAt<2>(q / 4);
      if (d < 2) {
        prefetchBytes<64>(ahead);
        ahead += 64;
      }
      __m512i w[4];
#pragma GCC unroll 4
      for (int j = 0; j < 4; j++) w[j] = _mm512_load_si512(codes.at[q][j]);
#pragma GCC unroll 6
      for (int i = 0; i < ROWS; i++) {
        const __m512i a = digitsOf(from + i * kDigitBytes<DIGITS>, d);
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) addProducts(acc[i][j], a, w[j]);
      }
    }
  }
  // Makes GCC keep all sums in registers until here.
#pragma GCC unroll 6
  for (int i = 0; i < ROWS; i++) {
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) asm volatile("" : "+v"(acc[i][j]));
  }
#pragma GCC unroll 6
  for (int i = 0; i < ROWS; i++) {
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) {
      addBlock(acc[i][j], step[i], y + i * kTile + 16 * j, first);
    }
  }
}
