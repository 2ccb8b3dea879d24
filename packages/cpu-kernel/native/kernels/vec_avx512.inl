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
    return _mm512_cvtepi32_epi16(
        _mm512_mask_or_epi32(rounded, nan, top, _mm512_set1_epi32(0x40)));
  }

  static Vec fromNibbles(const uint32_t* dwords, int shift) {
    const __m512i q = _mm512_srl_epi32(_mm512_loadu_si512(dwords), _mm_cvtsi32_si128(shift));
    return {_mm512_cvtepi32_ps(_mm512_and_si512(q, _mm512_set1_epi32(15)))};
  }

  // turned[lane][q] = codes[q][lane] for 16 lanes of 16 quads, which lie 32 dwords apart.
  static void turn(const uint32_t* codes, uint32_t* turned) {
    const __m512i row = _mm512_mullo_epi32(
        _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0), _mm512_set1_epi32(32));
    for (size_t lane = 0; lane < 16; lane++) {
      _mm512_store_si512(turned + lane * 16, _mm512_i32gather_epi32(row, codes + lane, 4));
    }
  }
};

Vec operator+(Vec a, Vec b) { return {_mm512_add_ps(a.v, b.v)}; }
Vec operator-(Vec a, Vec b) { return {_mm512_sub_ps(a.v, b.v)}; }
Vec operator*(Vec a, Vec b) { return {_mm512_mul_ps(a.v, b.v)}; }
Vec fma(Vec a, Vec b, Vec c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
