// 16-bit formats in integer arithmetic, nearest even. Included into an anonymous namespace.
uint32_t bitsOf(float x) {
  uint32_t bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  return bits;
}

float floatOf(uint32_t bits) {
  float x;
  __builtin_memcpy(&x, &bits, sizeof x);
  return x;
}

float fromFloat16(uint16_t half) {
  const uint32_t sign = (half & 0x8000u) << 16, rest = half & 0x7fffu;
  // A float16 moved to float32's place has an exponent too small by 112; multiplying by 2^112
  // repairs it, subnormals included.
  if (rest < 0x7c00) return floatOf(sign | bitsOf(floatOf(rest << 13) * 0x1p112f));
  return floatOf(sign | 0x7f800000 | rest << 13);
}

[[maybe_unused]] uint16_t toFloat16(float x) {
  const uint32_t bits = bitsOf(x);
  const uint16_t sign = bits >> 16 & 0x8000;
  const uint32_t magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00 | (magnitude >> 13 & 0x3ff);
  if (magnitude >= 0x47800000) return sign | 0x7c00;
  // Below 2^-14, adding 0.5 aligns the value to the subnormal step and rounds it.
  if (magnitude < 0x38800000)
    return sign | uint16_t(bitsOf(floatOf(magnitude) + 0.5f) - 0x3f000000);
  return sign | uint16_t((magnitude - (112u << 23) + 0xfff + (magnitude >> 13 & 1)) >> 13);
}

[[maybe_unused]] uint16_t toBFloat16(float x) {
  const uint32_t bits = bitsOf(x);
  if ((bits & 0x7fffffff) > 0x7f800000) return uint16_t(bits >> 16 | 0x40);
  return uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
