// Activations as fixed-point digits, for the forward product. Included into an anonymous namespace.

// 64 columns: the centred sum, at most (2^22 - 1) · 8 · 64, just fits an int32. What leads up to it
// may wrap around, which two's complement forgives.
constexpr size_t kBlockQuads = 16;
constexpr size_t kMaxDigits = 3;
constexpr float kLargest16 = 32639;    // 127·256 + 127, the largest with two signed digits
constexpr float kLargest23 = 4194303;  // 2^22 - 1
// Largest error, relative to the row, that a float16 row may take from its 16-bit steps: normally
// distributed values take 2.2e-5, values with an outlier in most blocks up to 7e-5. An estimate, so
// it is only relied on where a product has enough terms for chance to even out.
constexpr float kFloat16Error = 2.7e-5f;
constexpr size_t kFloat16Terms = size_t{1} << 20;

#include "kernels/blocks.inl"

// What a block of a row needs beside its digits.
struct BlockScale {
  float step;
  int32_t sum;  // Σ q
};

// Packed X: int8 [blocks][rows][digits, most significant first][quads · 4], then [blocks][rows].
size_t scalesOffset(const WeightView& w, size_t rows) {
  return roundUp(w.groups * w.quadsPerGroup * kQuad * rows * kMaxDigits, 64);
}

size_t packedBytes(const WeightView& w, bool, size_t rows) {
  return scalesOffset(w, rows) + blockCount(w) * rows * sizeof(BlockScale);
}

int8_t* packedRow(const Job& job, const Block& b, size_t row) {
  return reinterpret_cast<int8_t*>(job.packed) +
         (b.quad * job.rows + row * b.quads) * kQuad * kMaxDigits;
}

BlockScale* scalesOf(const Job& job, const Block& b) {
  return reinterpret_cast<BlockScale*>(job.packed + scalesOffset(*job.weight, job.rows)) +
         b.index * job.rows;
}

__mmask16 realLanes(size_t quads) {
  return __mmask16(0xffffu >> (16 - (quads < 4 ? quads : 4) * kQuad));
}

float largestOf(const float* x, size_t quads) {
  __m512 largest = _mm512_setzero_ps();
  for (size_t q = 0; q < quads; q += 4) {
    const __m512 v = _mm512_maskz_loadu_ps(realLanes(quads - q), x + q * kQuad);
    largest = _mm512_max_ps(largest, _mm512_abs_ps(v));
  }
  return _mm512_reduce_max_ps(largest);
}

// The class of a row: how many digits its values need.
RowClass classify(const Job& job, const float* x) {
  const WeightView& w = *job.weight;
  const size_t columns = w.quads * kQuad;
  if (isExceptional(largestMagnitude(x, columns))) return kExceptional;
  if (job.xType != DType::kFloat16 || w.n * w.k < kFloat16Terms) return kWide;
  // Rounding to steps s has variance s²/12 for each value.
  float noise = 0;
  const size_t blocks = blockCount(w);
  for (size_t i = 0; i < blocks; i++) {
    const Block b = blockAt(w, i);
    const float step = largestOf(x + b.quad * kQuad, b.quads) / kLargest16;
    noise += step * step * float(b.quads * kQuad) / 12;
  }
  __m512 squares = _mm512_setzero_ps();
  for (size_t k = 0; k < columns; k += 16) {
    const __m512 v = _mm512_loadu_ps(x + k);
    squares = _mm512_fmadd_ps(v, v, squares);
  }
  const float energy = _mm512_reduce_add_ps(squares);
  return noise <= kFloat16Error * kFloat16Error * energy ? kRegular : kWide;
}

size_t digitsOf(RowClass c) {
  return c == kRegular ? 2 : 3;
}

void packBlock(const float* x, const Block& b, size_t digits, int8_t* to, BlockScale* scale) {
  const float largest = largestOf(x, b.quads);
  const float range = digits == 2 ? kLargest16 : kLargest23;
  // A block this far below the row's smallest allowed maximum adds nothing that float32 can show.
  const __m512 inverse = _mm512_set1_ps(largest > 0x1p-100f ? range / largest : 0);
  const size_t plane = b.quads * kQuad;
  __m512i sum = _mm512_setzero_si512();
  for (size_t q = 0; q < b.quads; q += 4) {
    const __mmask16 real = realLanes(b.quads - q);
    const __m512 v = _mm512_maskz_loadu_ps(real, x + q * kQuad);
    __m512i rest = _mm512_cvtps_epi32(_mm512_mul_ps(v, inverse));
    sum = _mm512_add_epi32(sum, rest);
    // The lowest signed digit is the low byte; what is left after taking it away is divisible.
    for (size_t d = digits; d-- > 0;) {
      const __m128i digit = _mm512_cvtepi32_epi8(rest);
      _mm_mask_storeu_epi8(to + d * plane + q * kQuad, real, digit);
      rest = _mm512_srai_epi32(_mm512_sub_epi32(rest, _mm512_cvtepi8_epi32(digit)), 8);
    }
  }
  scale->step = largest / range;
  scale->sum = _mm512_reduce_add_epi32(sum);
}

void pack(const Job& job, size_t begin, size_t end, uint8_t* scratch) {
  const WeightView& w = *job.weight;
  const size_t blocks = blockCount(w);
  float* x = reinterpret_cast<float*>(scratch);
  for (size_t m = begin; m < end; m++) {
    widenRow<Vec>(job, m, x);
    const RowClass c = classify(job, x);
    job.rowClass[m] = c;
    if (c == kExceptional) continue;
    for (size_t i = 0; i < blocks; i++) {
      const Block b = blockAt(w, i);
      packBlock(x + b.quad * kQuad, b, digitsOf(c), packedRow(job, b, m), scalesOf(job, b) + m);
    }
  }
}
