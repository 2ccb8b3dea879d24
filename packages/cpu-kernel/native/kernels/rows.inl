// Rows in and out, over any vector type Vec: activations widened to float32, results with bias
// rounded to the output's format. Included into an anonymous namespace (see job.h).

// The number of real columns among padded ones: groups are padded to pairs of quads.
struct KRange {
  size_t begin, count;
};

KRange realColumns(const WeightView& w, size_t quad) {
  const size_t group = quad / w.quadsPerGroup;
  if (group >= w.groups) return {w.k, 0};
  const size_t inGroup = quad % w.quadsPerGroup * kQuad;
  const size_t left = inGroup < w.groupSize ? w.groupSize - inGroup : 0;
  return {group * w.groupSize + inGroup, left < kQuad ? left : kQuad};
}

bool hasPaddedGroups(const WeightView& w) {
  return w.quadsPerGroup * kQuad != w.groupSize;
}

size_t bytesOf(DType type) {
  return type == DType::kFloat32 ? 4 : 2;
}

const uint8_t* rowOf(const Job& job, size_t row) {
  return static_cast<const uint8_t*>(job.x) + row * job.xStride * bytesOf(job.xType);
}

void copyBytes(void* to, const void* from, size_t bytes) {
  __builtin_memcpy(to, from, bytes);
}
void clearFloats(float* to, size_t count) {
  __builtin_memset(to, 0, count * sizeof(float));
}

template <class Vec>
Vec loadAs(DType type, const uint8_t* from) {
  switch (type) {
    case DType::kFloat32:
      return Vec::load(reinterpret_cast<const float*>(from));
    case DType::kFloat16:
      return Vec::loadFloat16(reinterpret_cast<const uint16_t*>(from));
    default:
      return Vec::loadBFloat16(reinterpret_cast<const uint16_t*>(from));
  }
}

template <class Vec>
void widen(DType type, const uint8_t* from, size_t count, float* to) {
  const size_t bytes = bytesOf(type);
  size_t i = 0;
  for (; i + Vec::kLanes <= count; i += Vec::kLanes)
    loadAs<Vec>(type, from + i * bytes).store(to + i);
  if (i == count) return;
  alignas(64) uint8_t tail[Vec::kLanes * sizeof(float)] = {};
  alignas(64) float wide[Vec::kLanes];
  copyBytes(tail, from + i * bytes, (count - i) * bytes);
  loadAs<Vec>(type, tail).store(wide);
  copyBytes(to + i, wide, (count - i) * sizeof(float));
}

// One row of X as float32 in padded order, with zeros where the padding is.
template <class Vec>
void widenRow(const Job& job, size_t row, float* to) {
  const WeightView& w = *job.weight;
  const uint8_t* from = rowOf(job, row);
  if (job.transposed) {
    widen<Vec>(job.xType, from, w.n, to);
    clearFloats(to + w.n, w.nTiles * kTile - w.n);
    return;
  }
  if (!hasPaddedGroups(w)) {
    widen<Vec>(job.xType, from, w.k, to);
    clearFloats(to + w.k, w.quads * kQuad - w.k);
    return;
  }
  const size_t bytes = bytesOf(job.xType);
  clearFloats(to, w.quads * kQuad);
  for (size_t g = 0; g < w.groups; g++) {
    widen<Vec>(job.xType, from + g * w.groupSize * bytes, w.groupSize,
               to + g * w.quadsPerGroup * kQuad);
  }
}

// Bits of the largest magnitude; infinities and NaNs sort above every finite value.
uint32_t largestMagnitude(const float* x, size_t count) {
  uint32_t largest = 0;
  for (size_t i = 0; i < count; i++) {
    uint32_t bits;
    copyBytes(&bits, x + i, sizeof bits);
    bits &= 0x7fffffff;
    largest = bits > largest ? bits : largest;
  }
  return largest;
}

// 2^-60 and 2^90 as bits. Between them no product or sum of the dot-product paths overflows, and
// their flushing of subnormals cannot show.
constexpr uint32_t kSmallest = (127u - 60) << 23;
constexpr uint32_t kLargest = (127u + 90) << 23;

bool isExceptional(uint32_t largest) {
  return largest > kLargest || (largest != 0 && largest < kSmallest);
}

// A result as it is stored; a type whose NaNs could differ from row to row gives its own.
template <class Vec>
Vec resultOf(Vec value) {
  return value;
}

template <class Vec>
void storeAs(DType type, Vec sum, uint8_t* to) {
  const Vec value = resultOf(sum);
  switch (type) {
    case DType::kFloat32:
      value.store(reinterpret_cast<float*>(to));
      break;
    case DType::kFloat16:
      value.storeFloat16(reinterpret_cast<uint16_t*>(to));
      break;
    default:
      value.storeBFloat16(reinterpret_cast<uint16_t*>(to));
      break;
  }
}

// Rounds y[0..count) with bias to columns [column, column + count) of an output row. `y` has room
// for kTile floats.
template <class Vec>
void storeRow(const Job& job, size_t row, size_t column, size_t count, const float* y) {
  const size_t bytes = bytesOf(job.outType);
  uint8_t* to = static_cast<uint8_t*>(job.out) + (row * job.outStride + column) * bytes;
  const float* bias = job.bias ? job.bias + column : nullptr;
  size_t i = 0;
  for (; i + Vec::kLanes <= count; i += Vec::kLanes) {
    Vec v = Vec::load(y + i);
    if (bias) v = v + Vec::load(bias + i);
    storeAs(job.outType, v, to + i * bytes);
  }
  if (i == count) return;
  alignas(64) float b[Vec::kLanes] = {};
  alignas(64) uint8_t tail[Vec::kLanes * sizeof(float)];
  if (bias) copyBytes(b, bias + i, (count - i) * sizeof(float));
  Vec v = Vec::load(y + i);
  if (bias) v = v + Vec::load(b);
  storeAs(job.outType, v, tail);
  copyBytes(to + i * bytes, tail, (count - i) * bytes);
}

// The columns of output tile `tile`.
size_t tileColumns(size_t width, size_t tile) {
  const size_t left = width - tile * kTile;
  return left < kTile ? left : kTile;
}

template <int ROWS>
struct RowCount {
  static constexpr int value = ROWS;
};

// Calls f(from, RowCount<n>) for equal steps of at most MOST of `rows` rows, n rows from `from` on:
// for as few steps as can be, or, where steps of FEWEST rows are preferred, for as many of them as
// fit.
template <int MOST, int FEWEST = MOST, class F>
inline void forMicroRows(size_t rows, F f) {
  static_assert(MOST >= 4 && MOST <= 6 && FEWEST <= MOST);
  const size_t least = (rows + MOST - 1) / MOST, preferred = rows / FEWEST;
  const size_t steps = preferred > least ? preferred : least;
  for (size_t step = 0; step < steps; step++) {
    const size_t from = rows * step / steps, to = rows * (step + 1) / steps;
    switch (to - from) {
      case 1:
        f(from, RowCount<1>{});
        break;
      case 2:
        f(from, RowCount<2>{});
        break;
      case 3:
        f(from, RowCount<3>{});
        break;
      case 4:
        f(from, RowCount<4>{});
        break;
      case 5:
        f(from, RowCount<(MOST < 5 ? MOST : 5)>{});
        break;
      default:
        f(from, RowCount<MOST>{});
    }
  }
}

size_t roundUp(size_t value, size_t unit) {
  return (value + unit - 1) / unit * unit;
}
