// Host test of the layout, built with any C++17 compiler: every code is where the
// definition says, and both products' fragments come out of `ldmatrix`, simulated
// lane by lane, as the PTX manual wants them.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "hopper_params.hpp"
#include "quads.hpp"

using namespace w4a16::layout;

static int failures = 0;
#define EXPECT(condition, ...)                \
  do {                                        \
    if (!(condition)) {                       \
      failures++;                             \
      std::printf("FAILED %s: ", #condition); \
      std::printf(__VA_ARGS__);               \
      std::printf("\n");                      \
    }                                         \
  } while (0)

struct Weight {
  int64_t N, K;
  bool isSigned;
  std::vector<uint8_t> interchange, packed;
  Weight(int64_t n, int64_t k, bool s) : N(n), K(k), isSigned(s), interchange(n * k / 2) {
    for (auto& b : interchange) b = static_cast<uint8_t>(std::rand());
    const PackedExtent extent(N, K);
    packed.assign(extent.bytes(), 0xEE);
    for (int64_t n0 = 0; n0 < extent.tilesN * 64; n0++)
      for (int64_t k0 = 0; k0 < extent.tilesK * 64; k0++) {
        if ((n0 | k0) & 8) continue;
        const uint16_t quad = makeQuad(interchange.data(), n0, k0, N, K, isSigned);
        std::memcpy(&packed[extent.quadOffset(n0, k0)], &quad, 2);
      }
  }
  uint32_t code(int64_t n, int64_t k) const {
    return interchangeCode(interchange.data(), n, k, N, K, isSigned);
  }
};

// What lane `lane` receives from ldmatrix of the block at (n, k).
static uint32_t ldmatrix(const Weight& w, int64_t n, int64_t k, int lane, bool trans) {
  const PackedExtent extent(w.N, w.K);
  const int r = lane / 4, c = lane % 4;
  uint32_t word = 0;
  for (int half = 0; half < 2; half++) {
    const int row = trans ? 2 * c + half : r, col = trans ? r : 2 * c + half;
    const uint8_t* p = &w.packed[extent.quadOffset(n, k) + row * 16 + col * 2];
    word |= static_cast<uint32_t>(p[0] | p[1] << 8) << (16 * half);
  }
  return word;
}

static void testFragments(const Weight& w) {
  const PackedExtent extent(w.N, w.K);
  for (int64_t n = 0; n < extent.tilesN * 64; n += 16)
    for (int64_t k = 0; k < extent.tilesK * 64; k += 16)
      for (int lane = 0; lane < 32; lane++)
        for (int trans = 0; trans < 2; trans++) {
          const uint32_t word = ldmatrix(w, n, k, lane, trans);
          for (int reg = 0; reg < 4; reg++)
            for (int half = 0; half < 2; half++) {
              // PTX, m16n8k16 A: rows lane/4 (+8 in a1, a3), columns 2·(lane%4) + half (+8 in a2,
              // a3)
              const int row = lane / 4 + (reg & 1) * 8, col = lane % 4 * 2 + half + (reg >> 1) * 8;
              const uint32_t want = trans ? w.code(n + col, k + row) : w.code(n + row, k + col);
              const uint32_t got = word >> (fragmentNibble(reg, trans) * 4 + half * 16) & 15u;
              EXPECT(got == want, "n %d k %d lane %d trans %d reg %d", (int)n, (int)k, lane, trans,
                     reg);
            }
        }
}

static void testPlaces(const Weight& w) {
  const PackedExtent extent(w.N, w.K);
  std::vector<int> seen(extent.bytes() * 2, 0);
  for (int64_t n = 0; n < extent.tilesN * 64; n++)
    for (int64_t k = 0; k < extent.tilesK * 64; k++) {
      const int64_t at = extent.quadOffset(n, k);
      uint16_t quad;
      std::memcpy(&quad, &w.packed[at], 2);
      EXPECT((quad >> (4 * quadNibble(n, k)) & 15u) == w.code(n, k), "n %d k %d", (int)n, (int)k);
      seen[at * 2 + quadNibble(n, k)]++;
    }
  for (int s : seen) EXPECT(s == 1, "a nibble is used %d times", s);
}

static void testParams() {
  std::vector<int> seen(kEntryBytes, 0);
  for (int n = 0; n < 16; n++) {
    for (int i = 0; i < 2; i++) seen[entryScale(n) + i]++, seen[entryOffsetC(n) + i]++;
    seen[entryMidpoint(n)]++;
  }
  for (int s : seen) EXPECT(s == 1, "an entry byte is used %d times", s);
  const struct {
    float z;
    int m;
  } cases[] = {{0, 0},   {7.4f, 7}, {7.6f, 8},  {-0.4f, 0},   {-20, -20},
               {63, 63}, {100, 95}, {-32, -32}, {-1000, -32}, {1e30f, 95}};
  for (const auto& c : cases)
    EXPECT(midpoint(midpointByte(c.z)) == c.m, "z %g gives %g", c.z, midpoint(midpointByte(c.z)));
  EXPECT(midpoint(midpointByte(0.f / -1.f * __builtin_nanf(""))) == 0, "NaN");
  for (float z = -32; z <= 95; z += 0.37f)
    EXPECT(
        offsetC(2.f, z, midpointByte(z)) <= 1.0001f && offsetC(2.f, z, midpointByte(z)) >= -1.0001f,
        "z %g", z);
  const ParamTable table(72, 4160, 4160);
  EXPECT(table.rows == 1 && table.entriesPerRow == 8 && table.bytes() == 640, "table of one group");
}

// The value of 16 bits as bfloat16 or float16.
static double valueOf(uint32_t bits, bool isFloat16) {
  const int mantissaBits = isFloat16 ? 10 : 7, bias = isFloat16 ? 15 : 127;
  const int mantissa = bits & ((1 << mantissaBits) - 1), exponent = (bits & 0x7FFF) >> mantissaBits;
  const int whole = exponent > 0 ? mantissa + (1 << mantissaBits) : mantissa;
  const double value = std::ldexp(whole, (exponent > 0 ? exponent : 1) - bias - mantissaBits);
  return bits & 0x8000 ? -value : value;
}

static void testHopperParams() {
  std::vector<int> seen(kHopperEntryBytes, 0);
  for (int n = 0; n < 16; n++)
    for (int i = 0; i < 2; i++) seen[entryScale(n) + i]++, seen[entryZero(n) + i]++;
  for (int s : seen) EXPECT(s == 1, "an entry byte is used %d times", s);
  // The bits of a code, taken for a number, times C.
  for (const bool isFloat16 : {false, true})
    for (const bool high : {false, true})
      for (uint32_t q = 0; q < 16; q++) {
        const double got = valueOf(high ? q << 4 : q, isFloat16) *
                           valueOf(codeUnit(isFloat16, high) & 0xFFFF, isFloat16);
        EXPECT(got == q * zeroUnit(isFloat16), "code %u float16 %d high %d", q, isFloat16, high);
        EXPECT(codeUnit(isFloat16, high) >> 16 == (codeUnit(isFloat16, high) & 0xFFFF), "a pair");
      }
  const ParamTable table(72, 256, 128, kHopperEntryBytes);
  EXPECT(table.bytes() == 2 * 8 * 64 && table.entryOffset(1, 17) == 8 * 64 + 64, "entries of 64");
}

int main() {
  const struct {
    int64_t n, k;
    bool s;
  } shapes[] = {
      {64, 64, false}, {128, 192, true}, {1, 2, false}, {72, 130, true}, {200, 66, false}};
  for (const auto& shape : shapes) {
    const Weight w(shape.n, shape.k, shape.s);
    testPlaces(w);
    testFragments(w);
  }
  testParams();
  testHopperParams();
  std::printf(failures ? "layout: %d failures\n" : "layout: all checks passed\n", failures);
  return failures != 0;
}
