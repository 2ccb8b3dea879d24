// Codes and activations as operands of vdpbf16ps. Included into an anonymous namespace.

// code - 8 in bfloat16 for every nibble, twice over: vpermw looks at 5 bits of its index, and so
// needs no mask to ignore the next nibble's lowest.
__m512i codeTable() {
  alignas(64) uint16_t table[32];
  for (int i = 0; i < 32; i++) {
    const float code = float((i & 15) - 8);
    uint32_t bits;
    copyBytes(&bits, &code, sizeof bits);
    table[i] = uint16_t(bits >> 16);
  }
  return _mm512_load_si512(table);
}

template <int SHIFT>
inline __m512bh codesAt(__m512i words, __m512i table) {
  return (__m512bh)_mm512_permutexvar_epi16(_mm512_srli_epi16(words, SHIFT), table);
}

// Elements 2·pair and 2·pair + 1 of a row, in every lane.
inline __m512bh pairOf(const uint16_t* x, size_t pair) {
  uint32_t bits;
  copyBytes(&bits, x + 2 * pair, sizeof bits);
  return (__m512bh)_mm512_set1_epi32(int(bits));
}
