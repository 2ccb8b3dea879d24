// Activations times scales as fixed-point digits, for the transposed product. Included into an
// anonymous namespace.
//
// For one group of output columns, the 64 products p = dY·scale of a block of a row are rounded to
// integers v = round(p / step), |v| <= 127·256 + 127 (two digits) or just below 2^23 (three), in
// base-256 digits. What else the block adds to the output needs sums over the same v.

// What a block of a row needs beside its digits.
struct ScaledBlock {
  float step;
  float zeroSum;     // Σ v·(zero - 8)
  int32_t eightSum;  // 8·Σ v; only of signed digits
};

// 64 values of a row: 16 quads of 16 bytes, the d-th dword of each with the quad's d-th digits, the
// lowest first, the last dword without meaning.
constexpr size_t kDigitBytes = kTile * 4;

template <int DIGITS>
constexpr float kLargestInteger = DIGITS == 2 ? 32639 : 8355000;
// With three digits, Σ |v|·8 has to fit an int32 as well, which only flat blocks come near.
constexpr float kLargestSum = 0x1p28f * 0.999f;

// Unsigned digits are those of v + kOffset. Codes less 8 are then the signed factors.
template <int DIGITS>
constexpr uint32_t kOffset = DIGITS == 2 ? 0x8000 : 0x800000;
// Signed digits are the bytes of v + kSignedOffset, less those of kSignedOffset.
template <int DIGITS>
constexpr uint32_t kSignedOffset = DIGITS == 2 ? 0x80 : 0x808080;

// Blocks below this add nothing that float32 can show beside the row's largest.
constexpr float kSmallestBlock = 0x1p-100f;

// Bytes 4·i + j of each 16 become bytes 4·j + i.
inline __m512i turnBytes(__m512i v) {
  return _mm512_shuffle_epi8(v, _mm512_broadcast_i32x4(_mm_set_epi8(15, 11, 7, 3, 14, 10, 6, 2, 13,
                                                                    9, 5, 1, 12, 8, 4, 0)));
}

// result[i] = lanes of rows[i] reduced by f in the order of halves, quarters, pairs. The order of
// reduceOne, so that a row's bits do not depend on how many are reduced together.
template <class F>
inline __m512 reduceSixteen(const float (*rows)[16], F f) {
  __m512 quarters[4];
#pragma GCC unroll 4
  for (int e = 0; e < 4; e++) {
    const __m512 a = _mm512_load_ps(rows[e]), b = _mm512_load_ps(rows[4 + e]);
    const __m512 c = _mm512_load_ps(rows[8 + e]), d = _mm512_load_ps(rows[12 + e]);
    const __m512 ab = f(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xee));
    const __m512 cd = f(_mm512_shuffle_f32x4(c, d, 0x44), _mm512_shuffle_f32x4(c, d, 0xee));
    quarters[e] = f(_mm512_shuffle_f32x4(ab, cd, 0x88), _mm512_shuffle_f32x4(ab, cd, 0xdd));
  }
  const auto halves = [&](__m512 a, __m512 b) {
    const __m512d x = _mm512_castps_pd(a), y = _mm512_castps_pd(b);
    return f(_mm512_castpd_ps(_mm512_unpacklo_pd(x, y)),
             _mm512_castpd_ps(_mm512_unpackhi_pd(x, y)));
  };
  const __m512 low = halves(quarters[0], quarters[1]), high = halves(quarters[2], quarters[3]);
  return f(_mm512_shuffle_ps(low, high, 0x88), _mm512_shuffle_ps(low, high, 0xdd));
}

// The same for one row, in every lane.
template <class F>
inline __m512 reduceOne(__m512 v, F f) {
  v = f(v, _mm512_shuffle_f32x4(v, v, 0x4e));
  v = f(v, _mm512_shuffle_f32x4(v, v, 0xb1));
  v = f(v, _mm512_permute_ps(v, 0x4e));
  return f(v, _mm512_permute_ps(v, 0xb1));
}

constexpr auto addFloats = [](__m512 a, __m512 b) { return _mm512_add_ps(a, b); };
constexpr auto addIntegers = [](__m512 a, __m512 b) {
  return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(a), _mm512_castps_si512(b)));
};
// The larger magnitude.
constexpr auto largerOf = [](__m512 a, __m512 b) { return _mm512_range_ps(a, b, 0x0b); };

// The scales and centred zeros of 64 reduction columns in one group.
struct BlockParameters {
  __m512 scale[4], zero[4];

  BlockParameters(const WeightView& w, size_t nTile, size_t group) {
    const size_t at = (nTile * w.groups + group) * kTile;
    const __m512 centre = _mm512_set1_ps(8 - w.codeBias);
    for (int j = 0; j < 4; j++) {
      scale[j] = _mm512_loadu_ps(w.scales + at + 16 * j);
      zero[j] = _mm512_sub_ps(_mm512_loadu_ps(w.zeros + at + 16 * j), centre);
    }
  }
};

// Of each lane, the largest |p| and the sum of all.
struct Magnitudes {
  __m512 largest, sum;
};

template <int DIGITS>
inline Magnitudes magnitudesOf(const float* x, const BlockParameters& b) {
  __m512 p[4];
#pragma GCC unroll 4
  for (int j = 0; j < 4; j++) p[j] = _mm512_mul_ps(_mm512_loadu_ps(x + 16 * j), b.scale[j]);
  Magnitudes m;
  m.largest = largerOf(largerOf(p[0], p[1]), largerOf(p[2], p[3]));
  if (DIGITS == 3) {
    m.sum = _mm512_add_ps(_mm512_add_ps(_mm512_abs_ps(p[0]), _mm512_abs_ps(p[1])),
                          _mm512_add_ps(_mm512_abs_ps(p[2]), _mm512_abs_ps(p[3])));
  }
  return m;
}

template <int DIGITS>
inline __m512 stepOf(const Magnitudes& m) {
  const __m512 step = _mm512_mul_ps(m.largest, _mm512_set1_ps(1 / kLargestInteger<DIGITS>));
  if (DIGITS == 2) return step;
  return _mm512_max_ps(step, _mm512_mul_ps(m.sum, _mm512_set1_ps(1 / kLargestSum)));
}

template <int DIGITS>
inline __m512 inverseStep(__m512 largest, __m512 step) {
  const __mmask16 shows = _mm512_cmp_ps_mask(largest, _mm512_set1_ps(kSmallestBlock), _CMP_GE_OQ);
  return _mm512_maskz_div_ps(shows, _mm512_set1_ps(1), step);
}

// v, the same as float32, and v + kOffset in the lower 8·DIGITS bits.
struct Rounded {
  __m512i integer;
  __m512 value;
  __m512i offset;
};

template <int DIGITS>
inline Rounded roundProduct(__m512 p, __m512 inverse) {
  if (DIGITS == 2) {
    // Adding so large a float leaves no bits behind the point.
    constexpr float kRounder = 0x1.8p23f + kOffset<2>;
    const __m512 rounder = _mm512_set1_ps(kRounder);
    const __m512 sum = _mm512_fmadd_ps(p, inverse, rounder);
    const __m512i bits = _mm512_castps_si512(sum);
    return {_mm512_sub_epi32(bits, _mm512_castps_si512(rounder)), _mm512_sub_ps(sum, rounder),
            bits};
  }
  const __m512i integer = _mm512_cvtps_epi32(_mm512_mul_ps(p, inverse));
  return {integer, _mm512_cvtepi32_ps(integer),
          _mm512_add_epi32(integer, _mm512_set1_epi32(int(kOffset<DIGITS>)))};
}

// Writes the digits of 64 products. Gives, each in 16 lanes, Σ v·(zero - 8) and, with signed
// digits, Σ v.
template <int DIGITS, bool SIGNED>
inline void writeDigits(const float* x, const BlockParameters& b, __m512 inverse, uint8_t* to,
                        __m512* zeros, __m512* integers) {
  const __m512i signedOffset = _mm512_set1_epi32(int(kSignedOffset<DIGITS>));
  __m512i sum = _mm512_setzero_si512();
  __m512 zeroSum = _mm512_setzero_ps();
#pragma GCC unroll 4
  for (int j = 0; j < 4; j++) {
    const __m512 p = _mm512_mul_ps(_mm512_loadu_ps(x + 16 * j), b.scale[j]);
    const Rounded v = roundProduct<DIGITS>(p, inverse);
    __m512i digits = v.offset;
    if (SIGNED) {
      sum = _mm512_add_epi32(sum, v.integer);
      digits = _mm512_sub_epi8(_mm512_add_epi32(v.integer, signedOffset), signedOffset);
    }
    _mm512_store_si512(to + 64 * j, turnBytes(digits));
    zeroSum = _mm512_fmadd_ps(v.value, b.zero[j], zeroSum);
  }
  *zeros = zeroSum;
  if (SIGNED) *integers = _mm512_castsi512_ps(sum);
}

// One row, signed digits.
template <int DIGITS>
inline ScaledBlock scaleRow(const float* x, const BlockParameters& b, uint8_t* to) {
  Magnitudes m = magnitudesOf<DIGITS>(x, b);
  m.largest = reduceOne(m.largest, largerOf);
  if (DIGITS == 3) m.sum = reduceOne(m.sum, addFloats);
  const __m512 step = stepOf<DIGITS>(m);
  __m512 integers, zeros;
  writeDigits<DIGITS, true>(x, b, inverseStep<DIGITS>(m.largest, step), to, &zeros, &integers);
  const int sum = _mm512_cvtsi512_si32(_mm512_castps_si512(reduceOne(integers, addIntegers)));
  return {_mm512_cvtss_f32(step), _mm512_cvtss_f32(reduceOne(zeros, addFloats)),
          int32_t(uint32_t(sum) * 8)};
}

constexpr size_t kBatch = 16;

struct BatchScratch {
  alignas(64) float lanes[kBatch][16], more[kBatch][16];
};

// `count` rows, at most kBatch, whose elements x(i) gives; unsigned digits. Reductions run for all
// rows together.
template <int DIGITS, class X>
__attribute__((noinline)) void scaleRows(size_t count, X x, const BlockParameters& b,
                                         uint8_t* digits, ScaledBlock* blocks, BatchScratch& s) {
  for (size_t i = 0; i < count; i++) {
    const Magnitudes m = magnitudesOf<DIGITS>(x(i), b);
    _mm512_store_ps(s.lanes[i], m.largest);
    if (DIGITS == 3) _mm512_store_ps(s.more[i], m.sum);
  }
  alignas(64) float inverse[kBatch], step[kBatch], zeroSum[kBatch];
  Magnitudes m;
  m.largest = reduceSixteen(s.lanes, largerOf);
  if (DIGITS == 3) m.sum = reduceSixteen(s.more, addFloats);
  const __m512 steps = stepOf<DIGITS>(m);
  _mm512_store_ps(step, steps);
  _mm512_store_ps(inverse, inverseStep<DIGITS>(m.largest, steps));
  for (size_t i = 0; i < count; i++) {
    __m512 zeros;
    writeDigits<DIGITS, false>(x(i), b, _mm512_set1_ps(inverse[i]), digits + i * kDigitBytes,
                               &zeros, nullptr);
    _mm512_store_ps(s.lanes[i], zeros);
  }
  _mm512_store_ps(zeroSum, reduceSixteen(s.lanes, addFloats));
  for (size_t i = 0; i < count; i++) blocks[i] = {step[i], zeroSum[i], 0};
}
