// Activations times scales as fixed-point digits, for the transposed product. Included into an
// anonymous namespace.
//
// For one group of output columns, the 64 products p = dY·scale of a block of a row are rounded to
// integers v = round(p / step), |v| <= 127·256 + 127 (two digits) or 63·256² + 127·256 + 127
// (three), in base-256 digits. The zeros' part is Σ step·v·(zero - 8) of all blocks.

// 64 values of a row, the lowest digits of a quad first, then the next. Of three, the 16 quads take
// 16 bytes each, whose last dword has no meaning; of two, 8 bytes (see digitsAt).
template <int DIGITS>
constexpr size_t kDigitBytes = DIGITS == 2 ? kTile * 2 : kTile * 4;

// The digits of values 16·j to 16·j + 15: four quads, 16 bytes apart. Of two digits, two such lists
// lie among each other, which are stored as one vector.
template <int DIGITS>
constexpr size_t digitsAt(size_t j) {
  return DIGITS == 2 ? j / 2 * 64 + j % 2 * 8 : j * 64;
}

// What signed digits reach; of three, the highest stays below 64, so that Σ |v|·8 of a block fits
// an int32.
template <int DIGITS>
constexpr float kLargestInteger = DIGITS == 2 ? 32639 : 4161407;

// Unsigned digits are the bytes of v + kOffset, less kTopOffset in the highest.
constexpr int topOffset(int digits) {
  return digits == 2 ? 0x80 : 0x40;
}
template <int DIGITS>
constexpr uint32_t kOffset = uint32_t(topOffset(DIGITS)) << 8 * (DIGITS - 1);
// Signed digits are the bytes of v + kSignedOffset, each less that of kSignedOffset.
template <int DIGITS>
constexpr uint32_t kSignedOffset = DIGITS == 2 ? 0x80 : 0x408080;

// Blocks below this vanish. Where the row's largest value meets a scale, float32 could not show
// them beside it.
constexpr float kSmallestBlock = 0x1p-100f;

// Bytes 4·i + j of each 16 become bytes 4·j + i.
inline __m512i turnBytes(__m512i v) {
  return _mm512_shuffle_epi8(v, _mm512_broadcast_i32x4(_mm_set_epi8(15, 11, 7, 3, 14, 10, 6, 2, 13,
                                                                    9, 5, 1, 12, 8, 4, 0)));
}

// The larger magnitude.
inline __m512 largerOf(__m512 a, __m512 b) {
  return _mm512_range_ps(a, b, 0x0b);
}

// result[i] = the largest of the lanes of rows[i].
inline __m512 largestOfSixteen(const float (*rows)[16]) {
  __m512 quarters[4];
#pragma GCC unroll 4
  for (int e = 0; e < 4; e++) {
    const __m512 a = _mm512_load_ps(rows[e]), b = _mm512_load_ps(rows[4 + e]);
    const __m512 c = _mm512_load_ps(rows[8 + e]), d = _mm512_load_ps(rows[12 + e]);
    const __m512 ab = largerOf(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xee));
    const __m512 cd = largerOf(_mm512_shuffle_f32x4(c, d, 0x44), _mm512_shuffle_f32x4(c, d, 0xee));
    quarters[e] = largerOf(_mm512_shuffle_f32x4(ab, cd, 0x88), _mm512_shuffle_f32x4(ab, cd, 0xdd));
  }
  const auto halves = [](__m512 a, __m512 b) {
    const __m512d x = _mm512_castps_pd(a), y = _mm512_castps_pd(b);
    return largerOf(_mm512_castpd_ps(_mm512_unpacklo_pd(x, y)),
                    _mm512_castpd_ps(_mm512_unpackhi_pd(x, y)));
  };
  const __m512 low = halves(quarters[0], quarters[1]), high = halves(quarters[2], quarters[3]);
  return largerOf(_mm512_shuffle_ps(low, high, 0x88), _mm512_shuffle_ps(low, high, 0xdd));
}

// 64 values in registers.
struct Values {
  __m512 at[4];

  static inline Values load(const float* from) {
    Values v;
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) v.at[j] = _mm512_load_ps(from + 16 * j);
    return v;
  }
  inline Values operator*(const Values& other) const {
    Values v;
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) v.at[j] = _mm512_mul_ps(at[j], other.at[j]);
    return v;
  }
  inline __m512 largest() const { return largerOf(largerOf(at[0], at[1]), largerOf(at[2], at[3])); }
};

// Scales and zeros of 64 reduction columns in one group.
inline size_t parametersAt(const WeightView& w, size_t nTile, size_t group) {
  return (nTile * w.groups + group) * kTile;
}
inline Values scalesOf(const WeightView& w, size_t nTile, size_t group) {
  return Values::load(w.scales + parametersAt(w, nTile, group));
}
inline Values centredZerosOf(const WeightView& w, size_t nTile, size_t group) {
  const __m512 centre = _mm512_set1_ps(8 - w.codeBias);
  Values v = Values::load(w.zeros + parametersAt(w, nTile, group));
#pragma GCC unroll 4
  for (int j = 0; j < 4; j++) v.at[j] = _mm512_sub_ps(v.at[j], centre);
  return v;
}

// Two neighbouring groups of 64 share their blocks' steps where three digits are to spare: finding
// a step costs as much as making a group's digits. The larger product decides, so that the relative
// error of both grows by the root of two at most, with unrelated scales by 8%.
constexpr size_t kSharedColumns = 128;

// The binary logarithm of the number of groups that share a step.
template <int DIGITS>
inline size_t stepShift(const WeightView& w) {
  return DIGITS == 3 && 2 * w.quadsPerGroup * kQuad <= kSharedColumns ? 1 : 0;
}

// Groups [from, to) share a step.
struct SharedStep {
  size_t from, to;
};

// That of `group`.
template <int DIGITS>
inline SharedStep sharedStep(const WeightView& w, size_t group) {
  const size_t shift = stepShift<DIGITS>(w);
  const size_t from = group >> shift << shift, to = from + (size_t{1} << shift);
  return {from, to < w.groups ? to : w.groups};
}

inline Values largestScales(const WeightView& w, size_t nTile, const SharedStep& shared) {
  Values v = scalesOf(w, nTile, shared.from);
  for (size_t g = shared.from + 1; g < shared.to; g++) {
    const Values scales = scalesOf(w, nTile, g);
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) v.at[j] = largerOf(v.at[j], scales.at[j]);
  }
  return v;
}

// What is found out about blocks before their digits: each slot is a block of a row in the groups
// that share a step.
constexpr size_t kSlots = 256;

struct Slots {
  alignas(64) float largest[kSlots][16];
  alignas(64) float step[kSlots];
  alignas(64) float inverse[kSlots];  // 1 / step, or 0 where the block vanishes
};

// The largest products of a row's block.
inline void measureRow(const Values& x, const Values& scales, float* largest) {
  _mm512_store_ps(largest, (x * scales).largest());
}

template <int DIGITS>
inline __m512 stepOf(__m512 largest) {
  return _mm512_mul_ps(largest, _mm512_set1_ps(1 / kLargestInteger<DIGITS>));
}

// Steps of slots [0, count).
template <int DIGITS>
inline void findSteps(size_t count, Slots& s) {
  for (size_t i = 0; i < count; i += 16) {
    const __m512 largest = largestOfSixteen(s.largest + i), step = stepOf<DIGITS>(largest);
    const __mmask16 shows = _mm512_cmp_ps_mask(largest, _mm512_set1_ps(kSmallestBlock), _CMP_GE_OQ);
    _mm512_store_ps(s.step + i, step);
    _mm512_store_ps(s.inverse + i, _mm512_maskz_div_ps(shows, _mm512_set1_ps(1), step));
  }
}

// 64 products as integers of `step`.
//
// Adding so large a float leaves no bits behind the point: v + OFFSET is in the lower 8·DIGITS
// bits.
template <int DIGITS, uint32_t OFFSET>
struct RoundedProducts {
  // With three digits the float's own 2^22 is the offset of the highest.
  static constexpr float kRounder = 0x1.8p23f + float(OFFSET - (DIGITS == 3 ? 0x400000 : 0));

  __m512 at[4];

  inline RoundedProducts(const Values& p, float inverse) {
    const __m512 factor = _mm512_set1_ps(inverse), rounder = _mm512_set1_ps(kRounder);
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) at[j] = _mm512_fmadd_ps(p.at[j], factor, rounder);
  }

  inline __m512i bits(int j) const { return _mm512_castps_si512(at[j]); }

  // Adds the zeros' part to zeroSums, lane by lane. Of what was rounded, as the digits are, so that
  // an error counts by code - zero, however far both may be from 8.
  inline void addZeros(const Values& zeros, float step, float* zeroSums, bool first) const {
    const __m512 rounder = _mm512_set1_ps(kRounder);
    __m512 sum = _mm512_mul_ps(_mm512_sub_ps(at[0], rounder), zeros.at[0]);
#pragma GCC unroll 3
    for (int j = 1; j < 4; j++) {
      sum = _mm512_fmadd_ps(_mm512_sub_ps(at[j], rounder), zeros.at[j], sum);
    }
    const __m512 before = first ? _mm512_setzero_ps() : _mm512_load_ps(zeroSums);
    _mm512_store_ps(zeroSums, _mm512_fmadd_ps(sum, _mm512_set1_ps(step), before));
  }
};

template <int DIGITS>
using Unsigned = RoundedProducts<DIGITS, kOffset<DIGITS>>;
template <int DIGITS>
using Signed = RoundedProducts<DIGITS, kSignedOffset<DIGITS>>;

// The unsigned digits of a row's block, where digitsAt tells.
template <int DIGITS>
inline void writeDigits(const Unsigned<DIGITS>& v, uint8_t* to) {
  if (DIGITS == 2) {
#pragma GCC unroll 2
    for (int j = 0; j < 4; j += 2) {
      const __m512i high = _mm512_slli_epi32(v.bits(j + 1), 16);
      const __m512i both = _mm512_mask_blend_epi16(0xaaaaaaaa, v.bits(j), high);
      _mm512_store_si512(to + digitsAt<2>(size_t(j)), turnBytes(both));
    }
    return;
  }
#pragma GCC unroll 4
  for (int j = 0; j < 4; j++) {
    _mm512_store_si512(to + digitsAt<3>(size_t(j)), turnBytes(v.bits(j)));
  }
}

// Digits and zeros' parts of `count` rows of one block in one group.
template <int DIGITS>
__attribute__((noinline)) void writeRows(const WeightView& w, size_t nTile, size_t group,
                                         const float* const* x, size_t count, const float* inverse,
                                         const float* step, uint8_t* digits,
                                         float (*zeroSums)[16]) {
  const Values scales = scalesOf(w, nTile, group), zeros = centredZerosOf(w, nTile, group);
  for (size_t i = 0; i < count; i++) {
    const Unsigned<DIGITS> v(Values::load(x[i]) * scales, inverse[i]);
    v.addZeros(zeros, step[i], zeroSums[i], nTile == 0);
    writeDigits<DIGITS>(v, digits + i * kDigitBytes<DIGITS>);
  }
}

// y[0..64) less the zeros' part, whose lanes are summed in this order.
inline void subtractZeros(const float* zeros, float* y) {
  const __m512 sum = _mm512_set1_ps(_mm512_reduce_add_ps(_mm512_load_ps(zeros)));
#pragma GCC unroll 4
  for (int j = 0; j < 4; j++) {
    _mm512_store_ps(y + 16 * j, _mm512_sub_ps(_mm512_load_ps(y + 16 * j), sum));
  }
}
