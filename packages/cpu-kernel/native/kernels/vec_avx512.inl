// 16 float32 lanes of AVX-512. Included into an anonymous namespace.
struct Vec {
  static constexpr size_t kLanes = 16;
  static constexpr int kMicroRows = 6;
  static constexpr int kMicroVectors = 4;
  __m512 v;

  static Vec zero() { return {_mm512_setzero_ps()}; }
  static Vec broadcast(float x) { return {_mm512_set1_ps(x)}; }
  static Vec load(const float* p) { return {_mm512_loadu_ps(p)}; }
  void store(float* p) const { _mm512_storeu_ps(p, v); }

  static Vec loadFloat16(const uint16_t* p) {
    return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
  }
  void storeFloat16(uint16_t* p) const {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                        _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  }
  static Vec loadBFloat16(const uint16_t* p) {
    const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16))};
  }
  void storeBFloat16(uint16_t* p) const {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), roundBFloat16(v));
  }

  // Nearest even in integers: the CPU's own conversion flushes subnormals.
  static __m256i roundBFloat16(__m512 x) {
    const __m512i bits = _mm512_castps_si512(x);
    const __m512i top = _mm512_srli_epi32(bits, 16);
    const __m512i odd = _mm512_and_si512(top, _mm512_set1_epi32(1));
    const __m512i up = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff)), odd);
    const __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
    const __m512i rounded = _mm512_srli_epi32(up, 16);
    return _mm512_cvtepi32_epi16(_mm512_mask_or_epi32(rounded, nan, top, _mm512_set1_epi32(0x40)));
  }

  static Vec fromNibbles(const uint32_t* dwords, int shift) {
    const __m512i q = _mm512_srl_epi32(_mm512_loadu_si512(dwords), _mm_cvtsi32_si128(shift));
    return {_mm512_cvtepi32_ps(_mm512_and_si512(q, _mm512_set1_epi32(15)))};
  }

  // Dwords of 8 pairs of quads, those of the second quads moved down by a nibble into lanes 8..15.
  static __m512i spreadPairs(const uint32_t* dwords) {
    const __m256i pairs = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(dwords));
    const __m512i shifts = _mm512_inserti64x4(_mm512_setzero_si512(), _mm256_set1_epi32(4), 1);
    return _mm512_srlv_epi32(_mm512_broadcast_i64x4(pairs), shifts);
  }
  static Vec fromPairs(const uint32_t* dwords, int byte) {
    const __m512i q = _mm512_srl_epi32(spreadPairs(dwords), _mm_cvtsi32_si128(8 * byte));
    return {_mm512_cvtepi32_ps(_mm512_and_si512(q, _mm512_set1_epi32(15)))};
  }

  // turned[lane][half][pair] = codes[pair][half][lane] for 2 × 16 columns of 8 pairs of quads,
  // which lie 64 dwords apart: exchanges neighbours, then pairs, then fours, then eights.
  static void turn(const uint32_t* codes, uint32_t* turned) {
    __m512i r[16], t[16];
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) r[i] = _mm512_loadu_si512(codes + i % 8 * 64 + i / 8 * 16);
#pragma GCC unroll 8
    for (int i = 0; i < 16; i += 2) {
      t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
      t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 16; i += 4) {
      r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
      r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
      r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
      r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
    // r[4a + b] holds, in each of its four 128-bit parts p, lane 4p + b of rows 4a .. 4a + 3.
#pragma GCC unroll 4
    for (int b = 0; b < 4; b++) {
      const __m512i low01 = _mm512_shuffle_i32x4(r[b], r[4 + b], 0x44);
      const __m512i high01 = _mm512_shuffle_i32x4(r[b], r[4 + b], 0xee);
      const __m512i low23 = _mm512_shuffle_i32x4(r[8 + b], r[12 + b], 0x44);
      const __m512i high23 = _mm512_shuffle_i32x4(r[8 + b], r[12 + b], 0xee);
      _mm512_storeu_si512(turned + (0 + b) * 16, _mm512_shuffle_i32x4(low01, low23, 0x88));
      _mm512_storeu_si512(turned + (4 + b) * 16, _mm512_shuffle_i32x4(low01, low23, 0xdd));
      _mm512_storeu_si512(turned + (8 + b) * 16, _mm512_shuffle_i32x4(high01, high23, 0x88));
      _mm512_storeu_si512(turned + (12 + b) * 16, _mm512_shuffle_i32x4(high01, high23, 0xdd));
    }
  }
};

Vec operator+(Vec a, Vec b) {
  return {_mm512_add_ps(a.v, b.v)};
}
Vec operator-(Vec a, Vec b) {
  return {_mm512_sub_ps(a.v, b.v)};
}
Vec operator*(Vec a, Vec b) {
  return {_mm512_mul_ps(a.v, b.v)};
}
Vec fma(Vec a, Vec b, Vec c) {
  return {_mm512_fmadd_ps(a.v, b.v, c.v)};
}
