// The transposed product of one or two rows straight from the packed codes: what turning them costs
// would not pay. Included into an anonymous namespace, after turned_micro.inl.

inline __m512i sumInEveryLane(__m512i v) {
  v = _mm512_add_epi32(v, _mm512_shuffle_i32x4(v, v, 0x4e));
  v = _mm512_add_epi32(v, _mm512_shuffle_i32x4(v, v, 0xb1));
  v = _mm512_add_epi32(v, _mm512_shuffle_epi32(v, _MM_PERM_BADC));
  return _mm512_add_epi32(v, _mm512_shuffle_epi32(v, _MM_PERM_CDAB));
}

// The signed digits of 64 n of a row, those of 4 n in all lanes of their part.
template <int DIGITS>
struct SpreadDigits {
  __m512i at[4][DIGITS];
  __m512i start;  // -8·Σ v: codes enter unsigned

  inline void fill(const Signed<DIGITS>& rounded) {
    const __m512i offset = _mm512_set1_epi32(int(kSignedOffset<DIGITS>));
    __m512i sum;
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) {
      const __m512i v = rounded.bits(j);
      const __m512i bytes = _mm512_sub_epi8(v, offset);
#pragma GCC unroll 3
      for (int d = 0; d < DIGITS; d++) {
        // Byte d of each of a part's four lanes, in all four.
        at[j][d] = _mm512_shuffle_epi8(bytes, _mm512_set1_epi32(0x0c080400 + 0x01010101 * d));
      }
      sum = j == 0 ? v : _mm512_add_epi32(sum, v);
    }
    // Less the bits that rounded zeros would have.
    const __m512i zero = _mm512_castps_si512(_mm512_set1_ps(Signed<DIGITS>::kRounder));
    sum = _mm512_sub_epi32(_mm512_slli_epi32(zero, 2), sum);
    start = _mm512_slli_epi32(sumInEveryLane(sum), 3);
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

// The sum over the high nibbles, from those over low nibbles and whole bytes (see addPairs).
template <int DIGITS>
inline __m512i joinHigh(const __m512i* nibbles, const __m512i* bytes, __m512i joinedNibbles) {
  if (DIGITS == 2) return _mm512_sub_epi32(joinDigits<DIGITS>(bytes), joinedNibbles);
  // So much does not fit 32 bits: the last step of Horner's rule divides.
  __m512i v[DIGITS];
#pragma GCC unroll 3
  for (int d = 0; d < DIGITS; d++) v[d] = _mm512_sub_epi32(bytes[d], nibbles[d]);
  return _mm512_add_epi32(_mm512_slli_epi32(joinDigits<DIGITS - 1>(v + 1), 4),
                          _mm512_srai_epi32(v[0], 4));
}

// Σ v·code for a pair of quads of k: vectors [part][row of the quad], each part of lanes summing
// other n. A chain of sums for each digit and quad, so that none waits for another.
//
// Both codes of a byte have the same factor: sums over whole bytes, less those over low nibbles,
// are 16 times those over high nibbles.
//
// PAIRS pairs take turns, where registers allow, so that there are sums enough in flight.
template <int PAIRS, int ROWS, int DIGITS>
inline void addPairs(const uint8_t* from, const SpreadDigits<DIGITS>* a, __m512i (*first)[ROWS],
                     __m512i (*second)[ROWS]) {
  const __m512i low = _mm512_set1_epi8(15);
  __m512i nibbles[PAIRS][ROWS][DIGITS], bytes[PAIRS][ROWS][DIGITS];
#pragma GCC unroll 4
  for (int j = 0; j < 4; j++) {
    __m512i v[PAIRS], c[PAIRS];
#pragma GCC unroll 2
    for (int p = 0; p < PAIRS; p++) {
      v[p] = turnBytes(_mm512_load_si512(from + 2 * kQuadBytes * p + 64 * j));
      c[p] = _mm512_and_si512(v[p], low);
    }
#pragma GCC unroll 2
    for (int r = 0; r < ROWS; r++) {
#pragma GCC unroll 3
      for (int d = 0; d < DIGITS; d++) {
#pragma GCC unroll 2
        for (int p = 0; p < PAIRS; p++) {
          if (j == 0) nibbles[p][r][d] = bytes[p][r][d] = _mm512_setzero_si512();
          addProducts(nibbles[p][r][d], c[p], a[r].at[j][d]);
          addProducts(bytes[p][r][d], v[p], a[r].at[j][d]);
        }
      }
    }
  }
#pragma GCC unroll 2
  for (int p = 0; p < PAIRS; p++) {
#pragma GCC unroll 2
    for (int r = 0; r < ROWS; r++) {
      first[p][r] = joinDigits<DIGITS>(nibbles[p][r]);
      second[p][r] = joinHigh<DIGITS>(nibbles[p][r], bytes[p][r], first[p][r]);
    }
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
    constexpr int kPairs = DIGITS * ROWS <= 2 ? 2 : 1;
#pragma GCC unroll 4
    for (int i = 0; i < 4; i += kPairs) {
      prefetchBytes<kPairs * kPairBytes>(near);
      prefetchBytes<kPairs * kPairBytes, _MM_HINT_T1>(far);
      addPairs<kPairs, ROWS, DIGITS>(from, a, first + i, second + i);
      from += kPairs * kPairBytes;
      near += kPairs * kPairBytes;
      far += kPairs * kPairBytes;
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
