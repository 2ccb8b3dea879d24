// Every kernel this CPU can run against the float64 definition: odd shapes, every group size
// pattern, special values; and the same bits for any number of threads.
#include <cstdio>
#include <string>

#include "runtime/matmul.h"
#include "test/oracle.h"

using namespace w4a16;
using namespace w4a16::test;

namespace {

int passed = 0, failed = 0;

void check(bool ok, const std::string& what) {
  (ok ? passed : failed)++;
  if (!ok) std::printf("FAILED %s\n", what.c_str());
}

const char* nameOf(DType t) {
  return t == DType::kFloat32 ? "float32" : t == DType::kFloat16 ? "float16" : "bfloat16";
}

double boundOf(DType t) {
  return t == DType::kFloat32 ? 2e-6 : t == DType::kFloat16 ? 3e-5 : 1e-6;
}

// What the activations are like: normally distributed; or, beside values 2^-12 as large, one in 64
// that fixed-point digits must not let the others vanish beside; or all of one sign.
enum class Data { kNormal, kSpiky, kPositive };

double draw(Random& random, Data data, size_t i) {
  const double x = random.normal();
  if (data == Data::kPositive) return std::fabs(x);
  if (data == Data::kSpiky && i % 64 != 5) return x / 4096;
  return x;
}

// What the weight is like: random codes and zeros; or with each tenth row at its zero throughout,
// to which a quantizer gives any scale; or codes 0 and 1 about a zero far from 8; or 2 and 3, about
// zeros that lose bits when 8 is taken away, as outliers leave them; or, in the odd groups, one
// scale in 64 much larger than the others.
enum class Kind { kRandom, kPruned, kBinary, kOffCentre, kSpikyScales };

void shape(Weight& weight, Kind kind) {
  const size_t n = weight.n;
  for (size_t i = 0; i < weight.packed.size(); i++) {
    if (kind == Kind::kBinary) weight.packed[i] &= 0x11;
    if (kind == Kind::kOffCentre) weight.packed[i] = (weight.packed[i] & 0x11) | 0x22;
    if (kind == Kind::kPruned && i % n % 10 == 3) weight.packed[i] = 0x77;
  }
  for (size_t i = 0; i < weight.scales.size(); i++) {
    if (kind == Kind::kBinary) weight.zeros[i] = 0.5f;
    if (kind == Kind::kOffCentre) weight.zeros[i] = 2.1f + weight.zeros[i] / 16;
    if (kind == Kind::kSpikyScales && i / n % 2 == 1 && i % 64 == 9) weight.scales[i] *= 300;
    if (kind == Kind::kPruned && i % n % 10 == 3) {
      weight.zeros[i] = 7;
      weight.scales[i] = 1;
    }
  }
}

struct Case {
  size_t m, n, k, groupSize;
  bool isSigned, transposed, bias;
  DType type;
  Precision precision = Precision::kActivations;
  Data data = Data::kNormal;
  float scale = 1;   // of all weights
  size_t faint = 1;  // all groups but each faint-th have scales 1/64 as large
  Kind kind = Kind::kRandom;
};

std::string describe(const Kernel& kernel, const Case& c) {
  char text[200];
  std::snprintf(text, sizeof text, "%s M=%zu N=%zu K=%zu G=%zu %s %s %s%s", kernel.name, c.m, c.n,
                c.k, c.groupSize, c.isSigned ? "s4" : "u4", nameOf(c.type),
                c.transposed ? "transposed" : "forward", c.bias ? " bias" : "");
  return text;
}

// Runs a product into a fresh float32 matrix whose rows are padded with a guard value.
std::vector<float> multiply(const Kernel& kernel, ThreadPool& pool, const PackedWeight& w,
                            const Case& c, const Elements& x, size_t xStride, const float* bias) {
  const size_t width = c.transposed ? c.k : c.n, stride = width + 3;
  std::vector<float> y(c.m * stride + 1, 12345.f);
  Workspace workspace;
  std::atomic<bool> aborted{false};
  Matmul m{&w.view(), c.transposed, c.type,   DType::kFloat32, c.precision, c.m,
           x.data(),  xStride,      y.data(), stride,          bias,        DType::kFloat32};
  check(runMatmul(m, kernel, pool, workspace, aborted) == Outcome::kDone,
        "runs " + describe(kernel, c));
  for (size_t i = 0; i < c.m; i++) {
    for (size_t j = width; j < stride; j++) {
      if (y[i * stride + j] != 12345.f) check(false, "guard " + describe(kernel, c));
    }
  }
  std::vector<float> dense(c.m * width);
  for (size_t i = 0; i < c.m; i++) std::memcpy(&dense[i * width], &y[i * stride], width * 4);
  return dense;
}

double error(const std::vector<float>& y, const std::vector<double>& expected) {
  double difference = 0, size = 0;
  for (size_t i = 0; i < y.size(); i++) {
    const double e = y[i] - expected[i];
    difference += e * e;
    size += expected[i] * expected[i];
  }
  return size > 0 ? std::sqrt(difference / size) : std::sqrt(difference);
}

void testCase(const Kernel& kernel, ThreadPool& one, ThreadPool& three, const Case& c) {
  Weight weight(c.n, c.k, c.groupSize, c.isSigned, c.n * 31 + c.k);
  shape(weight, c.kind);
  for (float& s : weight.scales) s *= c.scale;
  for (size_t i = 0; i < weight.scales.size(); i++) {
    if (i / c.n % c.faint != c.faint - 1) weight.scales[i] /= 64;
  }
  PackedWeight packed;
  check(packed.pack(weight.source(), three), "packs");
  const size_t reduction = c.transposed ? c.n : c.k, width = c.transposed ? c.k : c.n;
  const size_t xStride = reduction + 5;
  Random random(c.m * 7 + c.n);
  Elements x(c.type, c.m * xStride + 1);
  for (size_t i = 0; i < c.m * xStride; i++) x.set(i, float(draw(random, c.data, i)));
  std::vector<float> bias(width);
  for (float& b : bias) b = c.bias ? float(random.normal()) : 0;

  std::vector<double> expected(c.m * width);
  std::vector<double> row(width);
  for (size_t j = 0; j < width; j++) {
    std::vector<double> column(reduction);
    for (size_t r = 0; r < reduction; r++) {
      column[r] = c.transposed ? weight.at(r, j) : weight.at(j, r);
    }
    for (size_t i = 0; i < c.m; i++) {
      double sum = bias[j];
      for (size_t r = 0; r < reduction; r++) sum += x.wide[i * xStride + r] * column[r];
      expected[i * width + j] = sum;
    }
  }
  const float* b = c.bias ? bias.data() : nullptr;
  const std::vector<float> y = multiply(kernel, one, packed, c, x, xStride, b);
  const double e = error(y, expected);
  const double bound = c.precision == Precision::kBFloat16 ? 3e-3 : boundOf(c.type);
  check(e <= bound, describe(kernel, c) + " error " + std::to_string(e * 1e6) + "e-6");
  const std::vector<float> again = multiply(kernel, three, packed, c, x, xStride, b);
  check(y.empty() || std::memcmp(y.data(), again.data(), y.size() * 4) == 0,
        "same bits with three threads: " + describe(kernel, c));
}

// A row of infinities, NaNs or extreme magnitudes changes no other row, and comes out as defined.
void testSpecialRows(const Kernel& kernel, ThreadPool& pool, DType type, bool transposed) {
  const Case c{9, 72, 128, 64, false, transposed, false, type};
  const Weight weight(c.n, c.k, c.groupSize, c.isSigned, 5);
  PackedWeight packed;
  packed.pack(weight.source(), pool);
  const size_t reduction = transposed ? c.n : c.k, width = transposed ? c.k : c.n;
  Random random(3);
  Elements x(type, c.m * reduction);
  for (size_t i = 0; i < c.m * reduction; i++) x.set(i, float(random.normal()));
  const std::vector<float> clean = multiply(kernel, pool, packed, c, x, reduction, nullptr);
  x.set(2 * reduction + 7, INFINITY);
  x.set(4 * reduction + 1, NAN);
  x.set(5 * reduction, INFINITY);
  x.set(5 * reduction + 1, -INFINITY);
  const bool tiny = type != DType::kFloat16;
  for (size_t r = 0; tiny && r < reduction; r++)
    x.set(7 * reduction + r, float(random.normal() * 1e-36));
  const std::vector<float> y = multiply(kernel, pool, packed, c, x, reduction, nullptr);
  bool others = true, special = true;
  for (size_t i = 0; i < c.m; i++) {
    for (size_t j = 0; j < width; j++) {
      const float got = y[i * width + j];
      double sum = 0;
      for (size_t r = 0; r < reduction; r++) {
        sum += x.wide[i * reduction + r] * (transposed ? weight.at(r, j) : weight.at(j, r));
      }
      const bool isSpecial = i == 2 || i == 4 || i == 5;
      if (isSpecial) {
        special &= std::isnan(sum) ? std::isnan(got) : got == float(sum);
      } else if (tiny && i == 7) {
        special &= std::fabs(got - sum) <= 1e-4 * 1e-36;
      } else {
        others &= std::memcmp(&got, &clean[i * width + j], 4) == 0;
      }
    }
  }
  check(others, "other rows unchanged: " + describe(kernel, c));
  check(special, "special rows as defined: " + describe(kernel, c));
}

// A row's NaNs have the same bits whatever rows are beside it.
void testNans(const Kernel& kernel, ThreadPool& pool, bool transposed) {
  const Case c{9, 64, 64, 4, false, transposed, false, DType::kFloat32};
  Weight weight(c.n, c.k, c.groupSize, c.isSigned, 6);
  const float odd[] = {NAN, INFINITY, -INFINITY, 1};
  Random random(4);
  for (float& zero : weight.zeros) zero = odd[random.next() >> 30];
  PackedWeight packed;
  packed.pack(weight.source(), pool);
  Elements x(c.type, c.m * 64);
  for (size_t i = 0; i < c.m * 64; i++) x.set(i, float(random.normal()));
  const std::vector<float> all = multiply(kernel, pool, packed, c, x, 64, nullptr);
  Case alone = c;
  alone.m = 1;
  for (size_t i = 0; i < c.m; i++) {
    Elements row(c.type, 64);
    for (size_t r = 0; r < 64; r++) row.set(r, x.wide[i * 64 + r]);
    const std::vector<float> y = multiply(kernel, pool, packed, alone, row, 64, nullptr);
    check(std::memcmp(y.data(), &all[i * 64], 64 * 4) == 0, "same NaNs: " + describe(kernel, c));
  }
}

}  // namespace

int main(int argc, char** argv) {
  ThreadPool one(1), three(3);
  const size_t shapes[][4] = {
      {0, 8, 32, 32},      {1, 1, 2, 2},       {1, 8, 64, 64},      {2, 48, 96, 32},
      {3, 72, 160, 160},   {5, 65, 34, 2},     {7, 200, 126, 6},    {17, 63, 60, 3},
      {33, 129, 416, 32},  {1, 130, 512, 128}, {63, 70, 256, 64},   {65, 64, 192, 96},
      {129, 100, 100, 50}, {197, 66, 144, 48}, {6, 64, 7392, 7392}, {13, 40, 1000, 1},
      {4, 256, 256, 256},  {2, 129, 544, 136}, {1, 320, 300, 300},  {12, 64, 64, 16},
      {2, 64, 240, 60},    {1, 64, 248, 124},  {9, 130, 504, 252},  {33, 64, 126, 63}};
  for (const Kernel& kernel : kernels()) {
    if (argc > 1 && std::string(argv[1]) != kernel.name) continue;
    if (!kernel.supported) {
      std::printf("skipped %s: this CPU lacks it\n", kernel.name);
      continue;
    }
    for (const bool transposed : {false, true}) testNans(kernel, three, transposed);
    for (const DType type : {DType::kFloat32, DType::kFloat16, DType::kBFloat16}) {
      for (const bool transposed : {false, true}) {
        int i = 0;
        for (const auto& s : shapes) {
          i++;
          testCase(kernel, one, three,
                   {s[0], s[1], s[2], s[3], i % 3 == 1, transposed, i % 2 == 0, type});
        }
        testSpecialRows(kernel, three, type, transposed);
        // Large enough for float16 activations in two digits, some rows of one class beside others.
        for (const Data data : {Data::kNormal, Data::kSpiky, Data::kPositive}) {
          for (const size_t m : {1, 4, 19}) {
            testCase(
                kernel, one, three,
                {m, 1088, 1024, 64, false, transposed, false, type, Precision::kActivations, data});
          }
        }
        // Neighbouring groups of very different scales, which may share the steps of fixed point.
        for (const Data data : {Data::kNormal, Data::kSpiky}) {
          for (const size_t faint : {2, 4}) {
            for (const size_t groupSize : {64, 128}) {
              testCase(kernel, one, three,
                       {7, 1088, 1024, groupSize, false, transposed, false, type,
                        Precision::kActivations, data, 1, faint});
            }
          }
        }
        for (const Kind kind : {Kind::kPruned, Kind::kBinary, Kind::kSpikyScales}) {
          for (const size_t m : {1, 7}) {
            for (const bool isSigned : {false, true}) {
              if (kind == Kind::kBinary && isSigned) continue;
              testCase(kernel, one, three,
                       {m, 1088, 1024, 128, isSigned, transposed, false, type,
                        Precision::kActivations, Data::kNormal, 1, 1, kind});
            }
          }
        }
        // One group to a row, whose codes outliers have pushed far from 8, and activations whose
        // sums show it.
        for (const size_t m : {1, 7}) {
          testCase(kernel, one, three,
                   {m, 320, 2048, 2048, false, transposed, false, type, Precision::kActivations,
                    Data::kPositive, 1, 1, Kind::kOffCentre});
          testCase(kernel, one, three,
                   {m, 320, 256, 64, false, transposed, false, type, Precision::kBFloat16,
                    Data::kNormal, 1, 1, Kind::kOffCentre});
        }
        // Scales whose products with the steps of fixed point float32 cannot show.
        if (!transposed) {
          testCase(kernel, one, three,
                   {5, 192, 256, 128, false, false, false, type, Precision::kActivations,
                    Data::kNormal, 0x1p-112f});
        }
        // Scales so small that products of activations and scales leave float32's comfort.
        testCase(kernel, one, three,
                 {5, 192, 256, 128, false, transposed, false, type, Precision::kActivations,
                  Data::kNormal, 0x1p-60f});
        for (const size_t m : {1, 2, 7, 65, 200}) {
          testCase(kernel, one, three,
                   {m, 136, 384, 128, m % 2 == 0, transposed, m == 7, type, Precision::kBFloat16});
          testCase(kernel, one, three,
                   {m, 70, 192, 64, m % 2 == 1, transposed, false, type, Precision::kBFloat16});
        }
      }
    }
  }
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed ? 1 : 0;
}
