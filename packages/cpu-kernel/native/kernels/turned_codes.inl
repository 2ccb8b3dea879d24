// Codes with the output columns of the transposed product in the lanes, as operands of vpdpbusd.
// Included into an anonymous namespace, after scaled_digits.inl.
//
// turnBytes makes of a column's dwords (4 rows of both quads) those of 4 columns of one row; moving
// 128-bit parts between the vectors of 4 pairs then puts 16 rows into the lanes of one: of vector
// 2·i + h, the rows of the h-th quads of pairs 4·i .. 4·i + 3, until orderColumns.

struct TurnedCodes {
  alignas(64) int8_t at[kTile / 4][4][64];  // code - 8, [quads of n][16 k each]: [16 k][4 n]
  alignas(64) int32_t sums[kTile];          // Σ_n (code - 8)
};

inline const uint8_t* codesOf(const WeightView& w, size_t nTile, size_t quad) {
  return w.codes + (nTile * w.quads + quad) * kQuadBytes;
}

template <size_t BYTES, _mm_hint CACHE = _MM_HINT_T0>
inline void prefetchBytes(const uint8_t* from) {
#pragma GCC unroll 8
  for (size_t i = 0; i < BYTES; i += 64) {
    _mm_prefetch(reinterpret_cast<const char*>(from + i), CACHE);
  }
}

// The i-th parts of four vectors as the four parts of turned[i].
inline void turnParts(const __m512i* v, __m512i* turned) {
  const __m512i ab0 = _mm512_shuffle_i32x4(v[0], v[1], 0x44);
  const __m512i ab1 = _mm512_shuffle_i32x4(v[0], v[1], 0xee);
  const __m512i cd0 = _mm512_shuffle_i32x4(v[2], v[3], 0x44);
  const __m512i cd1 = _mm512_shuffle_i32x4(v[2], v[3], 0xee);
  turned[0] = _mm512_shuffle_i32x4(ab0, cd0, 0x88);
  turned[1] = _mm512_shuffle_i32x4(ab0, cd0, 0xdd);
  turned[2] = _mm512_shuffle_i32x4(ab1, cd1, 0x88);
  turned[3] = _mm512_shuffle_i32x4(ab1, cd1, 0xdd);
}

__attribute__((noinline)) void turnCodes(const uint8_t* codes, TurnedCodes& to) {
  const __m512i low = _mm512_set1_epi8(15), eight = _mm512_set1_epi8(8);
  for (size_t i = 0; i < 2; i++) {
    __m512i sum[2] = {};  // of codes, at most 16 · 15 in a byte
#pragma GCC unroll 4
    for (size_t j = 0; j < 4; j++) {
      __m512i v[4], turned[4];
#pragma GCC unroll 4
      for (size_t p = 0; p < 4; p++) {
        const size_t at = (8 * i + 2 * p) * kQuadBytes + 64 * j;
        v[p] = turnBytes(_mm512_load_si512(codes + at));
      }
      turnParts(v, turned);
#pragma GCC unroll 4
      for (size_t t = 0; t < 4; t++) {
        const __m512i a = _mm512_and_si512(turned[t], low);
        const __m512i b = _mm512_and_si512(_mm512_srli_epi16(turned[t], 4), low);
        sum[0] = _mm512_add_epi8(sum[0], a);
        sum[1] = _mm512_add_epi8(sum[1], b);
        _mm512_store_si512(to.at[4 * j + t][2 * i], _mm512_sub_epi8(a, eight));
        _mm512_store_si512(to.at[4 * j + t][2 * i + 1], _mm512_sub_epi8(b, eight));
      }
    }
#pragma GCC unroll 2
    for (size_t h = 0; h < 2; h++) {
      const __m512i start = _mm512_set1_epi32(-8 * int(kTile));
      _mm512_store_si512(to.sums + 32 * i + 16 * h,
                         _mm512_dpbusd_epi32(start, sum[h], _mm512_set1_epi8(1)));
    }
  }
}

// y[0..64) in the order of the columns: parts of the vectors for first and second quads take turns.
inline void orderColumns(float* y) {
#pragma GCC unroll 2
  for (int i = 0; i < 2; i++, y += 32) {
    const __m512 a = _mm512_load_ps(y), b = _mm512_load_ps(y + 16);
    const __m512 low = _mm512_shuffle_f32x4(a, b, 0x44), high = _mm512_shuffle_f32x4(a, b, 0xee);
    _mm512_store_ps(y, _mm512_shuffle_f32x4(low, low, 0xd8));
    _mm512_store_ps(y + 16, _mm512_shuffle_f32x4(high, high, 0xd8));
  }
}
