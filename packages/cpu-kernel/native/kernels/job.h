// What the kernels are given: plain data only.
//
// Each kernel file is compiled for its own instruction set. An inline function in a shared header
// would be compiled once per file and the linker would keep any one copy, perhaps one using
// instructions this CPU lacks. So shared headers hold plain data, and shared code (*.inl) lives in
// an anonymous namespace.
#pragma once

#include <cstddef>
#include <cstdint>

namespace w4a16 {

enum class DType : uint8_t { kFloat32, kFloat16, kBFloat16 };

// Codes are stored in pairs of quads of 4 neighbours along K, in tiles of 64 columns (see
// packed_weight.h).
constexpr size_t kTile = 64;
constexpr size_t kQuad = 4;
constexpr size_t kTileQuads = kTile / kQuad;
constexpr size_t kQuadBytes = kTile * kQuad / 2;  // half a pair's

// Groups whose scales a row is tried with before two digits are trusted to carry it.
constexpr size_t kSampledGroups = 4;

// The largest number of rows that one task computes for one tile of output columns.
constexpr size_t kPanelRows = 192;

// A weight in the kernel's own layout.
struct WeightView {
  size_t n, k, groupSize;
  size_t groups;         // K / G
  size_t quadsPerGroup;  // even: every group starts with a pair
  size_t quads;          // of all groups, padded to a multiple of kTileQuads
  size_t nTiles;         // ceil(N / 64)
  float codeBias;        // 0 for u4, 8 for s4: code = nibble - codeBias
  bool mostlyPlain;      // few columns are exceptional
  bool steadyScales;     // no column is exceptional, no scale but 0 is below 2^-40
  // How much further codes lie from 8 than from their zeros (see survey.h).
  float offCentre, forwardOffCentre;
  const uint8_t* codes;  // [nTiles][quads][kQuadBytes]
  const float* scales;   // [nTiles][groups][64]
  const float* zeros;    // [nTiles][groups][64]
  // Those whose scales vary most within tiles, or group 0 where there are fewer.
  size_t spikyGroups[kSampledGroups];
  // [nTiles], bit n: column n has a scale or zero that the dot-product paths cannot carry (an
  // infinity, a NaN, a huge magnitude), so that kExactRows must compute it.
  const uint64_t* exceptionalColumns;
};

// How a row of activations is computed; decided from its values alone, so that a row's result
// never depends on its neighbours.
enum RowClass : uint8_t {
  kRegular = 0,
  kWide = 1,         // fixed point needs another digit
  kExceptional = 2,  // infinities, NaNs, or magnitudes outside what the fast path can carry
  kRowClasses = 3,
};

// One product of a block of rows: Y = X·Wᵀ, or dX = dY·W when transposed.
struct Job {
  const WeightView* weight;
  bool transposed;
  DType xType, outType;
  size_t rows;
  const void* x;
  size_t xStride;  // elements
  void* out;
  size_t outStride;   // elements
  const float* bias;  // one for each output column, or null
  // Workspace, filled by Path::pack and read by Path::compute.
  uint8_t* packed;
  uint8_t* rowClass;      // [rows]
  const uint32_t* order;  // rows sorted by class
};

// One way to compute a product. All functions are safe to call from several threads on different
// rows or tiles; `scratch` is one thread's own, 64-byte aligned.
struct Path {
  const char* name;
  bool wantsExactColumns;  // its results for exceptional columns are to be computed again
  bool pairsTiles;         // neighbouring tiles in one call share work
  size_t (*packedBytes)(const WeightView&, bool transposed, size_t rows);
  size_t (*scratchBytes)(const WeightView&, bool transposed);
  // Converts rows [begin, end) of X to the path's own format and classifies them.
  void (*pack)(const Job&, size_t begin, size_t end, uint8_t* scratch);
  // Computes output tiles [tile, tile + tiles) for the rows order[begin .. end), all of one class.
  // Exceptional rows are left to kExactRows, or, transposed, to the float32 path, which reads the
  // packed activations of all transposed paths. kExactRows computes only exceptional columns unless
  // the class is exceptional.
  void (*compute)(const Job&, RowClass, size_t tile, size_t tiles, size_t begin, size_t end,
                  uint8_t* scratch);
  // For measuring what a machine does at most. `exercise` runs the path's multiply-add instruction
  // on registers alone and gives the multiplications and additions that a product of such
  // activations would have got out of it; null where no forward product takes this path.
  double (*exercise)(DType, size_t iterations);
  // Reads `bytes` bytes, a multiple of 4096, with the widest loads; null but for float32 paths.
  void (*read)(const uint8_t* from, size_t bytes);
};

// Defined one to a file; each is null where the file was not compiled for this architecture.
extern const Path* const kExactRows;  // float64, for exceptional rows; has no pack
extern const Path* const kPortableFloat;
extern const Path* const kAvx2Float;
extern const Path* const kAvx512Float;
extern const Path* const kAvx512Fixed;
extern const Path* const kAvx512FixedTransposed;
extern const Path* const kAvx512BFloat16;
extern const Path* const kAvx512BFloat16Transposed;
extern const Path* const kNeonFloat;

}  // namespace w4a16
