// The transposed product of one or two rows straight from the packed codes: what turning them costs
// would not pay. Included into an anonymous namespace, after turned_micro.inl.

// The signed digits of 64 n of a row, those of 4 n in all lanes of their part.
template <int DIGITS>
struct SpreadDigits {
  __m512i at[4][DIGITS];
  __m512i start;  // -8·Σ v: codes enter unsigned

  inline void fill(const Values& x, const Values& scales, float inverse) {
    const __m512i offset = _mm512_set1_epi32(int(kSignedOffset<DIGITS>));
    const __m512 factor = _mm512_set1_ps(inverse);
    const Values p = x * scales;
    __m512i sum = _mm512_setzero_si512();
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) {
      const __m512i v = roundProduct<DIGITS>(p.at[j], factor, kSignedOffset<DIGITS>);
      const __m512i bytes = _mm512_sub_epi8(v, offset);
#pragma GCC unroll 3
      for (int d = 0; d < DIGITS; d++) {
        // Byte d of each of a part's four lanes, in all four.
        at[j][d] = _mm512_shuffle_epi8(bytes, _mm512_set1_epi32(0x0c080400 + 0x01010101 * d));
      }
      sum = j == 0 ? v : _mm512_add_epi32(sum, v);
    }
    // Less the bits that rounded zeros would have.
    const __m512i zero = roundProduct<DIGITS>(_mm512_setzero_ps(), factor, kSignedOffset<DIGITS>);
    sum = _mm512_sub_epi32(sum, _mm512_slli_epi32(zero, 2));
    start = _mm512_set1_epi32(-8 * _mm512_reduce_add_epi32(sum));
  }
};

// Horner's rule.
template <int DIGITS>
inline __m512i joinDigits(const __m512i* v) {
  __m512i sum = v[DIGITS - 1];
#pragma GCC unroll 2
  for (int d = DIGITS - 2; d >= 0; d--) sum = _mm512_add_epi32(_mm512_slli_epi32(sum, 8), v[d]);
  return sum;
}

// Of two digits, the second quads' sums are left 16 times as large.
template <int DIGITS>
constexpr int kSecondShift = DIGITS == 2 ? 4 : 0;

// Σ v·code for a pair of quads of k: vectors [part][row of the quad], each part of lanes summing
// other n. A chain of sums for each digit and quad, so that none waits for another.
//
// Both codes of a byte have the same factor: sums over whole bytes, less those over low nibbles,
// are 16 times those over high nibbles.
template <int ROWS, int DIGITS>
inline void addPair(const uint8_t* from, const SpreadDigits<DIGITS>* a, __m512i* first,
                    __m512i* second) {
  const __m512i low = _mm512_set1_epi8(15);
  __m512i nibbles[ROWS][DIGITS], bytes[ROWS][DIGITS];
#pragma GCC unroll 4
  for (int j = 0; j < 4; j++) {
    const __m512i v = turnBytes(_mm512_load_si512(from + 64 * j));
    const __m512i c = _mm512_and_si512(v, low);
#pragma GCC unroll 2
    for (int r = 0; r < ROWS; r++) {
#pragma GCC unroll 3
      for (int d = 0; d < DIGITS; d++) {
        if (j == 0) nibbles[r][d] = bytes[r][d] = _mm512_setzero_si512();
        addProducts(nibbles[r][d], c, a[r].at[j][d]);
        addProducts(bytes[r][d], v, a[r].at[j][d]);
      }
    }
  }
#pragma GCC unroll 2
  for (int r = 0; r < ROWS; r++) {
    first[r] = joinDigits<DIGITS>(nibbles[r]);
    if (DIGITS == 2) {
      second[r] = _mm512_sub_epi32(joinDigits<DIGITS>(bytes[r]), first[r]);
      continue;
    }
    // So much does not fit 32 bits: the last step of Horner's rule divides.
#pragma GCC unroll 3
    for (int d = 0; d < DIGITS; d++) bytes[r][d] = _mm512_sub_epi32(bytes[r][d], nibbles[r][d]);
    second[r] = _mm512_add_epi32(_mm512_slli_epi32(joinDigits<DIGITS - 1>(bytes[r] + 1), 4),
                                 _mm512_srai_epi32(bytes[r][0], 4));
  }
}

// Part i is the sum of v[i]'s parts.
inline __m512i addParts(__m512i v0, __m512i v1, __m512i v2, __m512i v3) {
  const __m512i ab =
      _mm512_add_epi32(_mm512_shuffle_i32x4(v0, v1, 0x44), _mm512_shuffle_i32x4(v0, v1, 0xee));
  const __m512i cd =
      _mm512_add_epi32(_mm512_shuffle_i32x4(v2, v3, 0x44), _mm512_shuffle_i32x4(v2, v3, 0xee));
  return _mm512_add_epi32(_mm512_shuffle_i32x4(ab, cd, 0x88), _mm512_shuffle_i32x4(ab, cd, 0xdd));
}

// One or two rows straight from the packed codes of one tile. The parts of lanes, which sum
// different n, are added at the end. Integer sums are exact, so the result is that of micro, bit
// for bit. Meanwhile the codes at `near` come into the first-level cache, those at `far` into the
// second.
template <int ROWS, int DIGITS>
inline void direct(const uint8_t* from, const uint8_t* near, const uint8_t* far,
                   const SpreadDigits<DIGITS>* a, const float* step, float* y, size_t yStride,
                   bool isFirst) {
  constexpr size_t kPairBytes = 2 * kQuadBytes;
  for (size_t half = 0; half < 2; half++, y += 32) {
    __m512i first[4][ROWS], second[4][ROWS];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
      prefetchBytes<kPairBytes>(near);
      prefetchBytes<kPairBytes, _MM_HINT_T1>(far);
      addPair<ROWS, DIGITS>(from, a, first[i], second[i]);
      from += kPairBytes;
      near += kPairBytes;
      far += kPairBytes;
    }
#pragma GCC unroll 2
    for (int r = 0; r < ROWS; r++) {
      const __m512i one = addParts(first[0][r], first[1][r], first[2][r], first[3][r]);
      const __m512i two = _mm512_srai_epi32(
          addParts(second[0][r], second[1][r], second[2][r], second[3][r]), kSecondShift<DIGITS>);
      float* to = y + r * yStride;
      addBlock(_mm512_add_epi32(one, a[r].start), step[r], to, isFirst);
      addBlock(_mm512_add_epi32(two, a[r].start), step[r], to + 16, isFirst);
    }
  }
}
