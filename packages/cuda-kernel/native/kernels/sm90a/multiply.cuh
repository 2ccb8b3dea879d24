// The inner loop of one warpgroup: 64 features of the tile. Packed codes come by ldmatrix, are
// dequantized in registers and are wgmma's A operand; activations in shared memory are its B
// operand.
//
// The tensor cores work while the next fragments are dequantized: a fragment's registers are
// written again only after the wgmma that reads them is done.
#pragma once
#include "dequantize.cuh"
#include "ring.cuh"
#include "wgmma.cuh"

namespace w4a16::sm90a {

// 384 threads start with 168 registers each: 128 · 40 + 256 · 232 is as many.
constexpr int kLoaderRegisters = 40, kMultiplierRegisters = 232;

template <typename T, typename R, bool Transposed>
class Multiplier {
  static constexpr Shape kShape = R::kShape;
  static constexpr int kUnits = R::kUnits, kRunBytes = R::kRunBytes;
  using Params = ParamReader<T, R::kEncoding, Transposed>;
  static constexpr int kSlabs = 4;  // k16 steps in a chunk
  static constexpr bool kBatched = kShape.batchedFor(Transposed, R::kEncoding);
  static constexpr int kFragments = kBatched ? 2 * kSlabs : kSlabs;
  // Forward: the parameters of a chunk belong to the rows. Transposed: to the slabs. All at once
  // they keep shared memory from the tensor cores, which read activations half of the time: above
  // 128 tokens they are loaded two slabs ahead of their use.
  static constexpr bool kTwoAhead = Transposed && !kBatched && kShape.wide();
  static constexpr int kParamSets = !Transposed ? kUnits : kTwoAhead ? 2 : kSlabs;
  static_assert(kShape.spans() == 1 || kShape.chunks == 1, "spans lie in a chunk");
  static_assert(!kBatched || kShape.chunks == 1 || kShape.chunks % 2 == 0,
                "two chunks take turns with the fragments");

 public:
  static constexpr int kSums = kShape.tokens / 2;
  // sum[4j + i]: token 8j + 2·(lane % 4) + i % 2, feature 16·warp + lane / 4 + 8·(i / 2)
  float sum[kSums];

  // `row`: which 64 features of the tile; `warp`: which 16 of them.
  __device__ __forceinline__ Multiplier(const R& ring, const Arguments& args, int row, int warp,
                                        int lane)
      : ring_(ring),
        lane_(ptx::held(lane)),
        quadsAt_(ptx::held(
            ring.weights(0) + row * (Transposed ? kShape.chunks : 1) * layout::kTileBytes +
            (Transposed ? ((lane >> 3) * 4 + warp) * layout::kBlockBytes + (lane & 7) * 16
                        : warp * (4 * layout::kBlockBytes) + lane * 16))),
        operandAt_(ptx::sharedOperand(ring.x(0))),
        chunkPitch_(args.xRows * (128 / 16)),
        entry_(ring.params(0) +
                   (Transposed ? (row * kUnits + warp * kUnits / 4) * kShape.chunks * kRunBytes
                               : row * kRunBytes + warp * Params::kEntryBytes),
               lane) {}

  __device__ __forceinline__ void clear() {
#pragma unroll
    for (int i = 0; i < kSums; i++) sum[i] = 0.f;
    last_ = older_ = -1;
  }

  // A batch of one chunk to a stage: stages take turns with the fragments.
  static constexpr bool kTurns = kBatched && kShape.chunks == 1;

  // Multiplies the stage in `slot`, and releases the slot whose last wgmma is then known to be
  // done. `Turn`: 0 for every stage, or if kTurns 0 and 1 in turn. `Tokens`: the first so many of
  // the tile.
  template <int Turn, int Tokens = kShape.tokens>
  __device__ __forceinline__ void stage(int slot) {
    uint32_t quads[2][kSlabs];
    loadQuads(quads[0], slot, 0);
#pragma unroll
    for (int c = 0; c < kShape.chunks; c++) {
      if (c + 1 < kShape.chunks) loadQuads(quads[(c + 1) & 1], slot, c + 1);
      loadParams(slot, c);
      const uint32_t b = operandAt_ + slot * (R::kLayout.x / 16) + c * chunkPitch_;
      uint32_t (&words)[kSlabs] = quads[c & 1];
      if constexpr (kBatched) {
        const int set = kTurns ? Turn : c & 1;
        ptx::wgmmaWait<1>();  // the batch before the last is done: its fragments are free, and the
                              // slot it was the last to read
        if (kTurns ? older_ >= 0 : c == 1 && last_ >= 0)
          ring_.release(kTurns ? older_ : last_, lane_);
#pragma unroll
        for (int s = 0; s < kSlabs; s++) dequantize(a_[set * kSlabs + s], words[s], s);
        ptx::wgmmaFence();
#pragma unroll
        for (int s = 0; s < kSlabs; s++) multiplyAdd<Tokens>(a_[set * kSlabs + s], b + s * 2);
        ptx::wgmmaCommit();
      } else {
#pragma unroll
        for (int s = 0; s < kSlabs; s++) {
          ptx::wgmmaWait<kSlabs - 1>();  // the wgmma that read this fragment is done
          asm volatile(""
                       : "+r"(words[s])::"memory");  // and the dequantization stays behind the wait
          dequantize(a_[s], words[s], s);
          ptx::wgmmaFence();
          multiplyAdd<Tokens>(a_[s], b + s * 2);
          ptx::wgmmaCommit();
          if (kTwoAhead && s + 2 < kSlabs) loadParam(slot, c, s + 2);
          if (c == 0 && s == kSlabs - 1 && last_ >= 0) ring_.release(last_, lane_);
        }
      }
    }
    older_ = last_, last_ = slot;
  }

  // Afterwards `sum` may be read.
  __device__ __forceinline__ void finish() {
    ptx::wgmmaWait<0>();
#pragma unroll
    for (int i = 0; i < kSums; i++) asm volatile("" : "+f"(sum[i])::"memory");
    if (kTurns && older_ >= 0) ring_.release(older_, lane_);
    if (last_ >= 0) ring_.release(last_, lane_);
    last_ = older_ = -1;
  }

 private:
  template <int Tokens>
  __device__ __forceinline__ void multiplyAdd(const uint32_t (&a)[4], uint32_t b) {
    constexpr int kSpan = Tokens < kShape.tokens ? Tokens : kShape.spanTokens();
#pragma unroll
    for (int i = 0; i < Tokens / kSpan; i++)
      ptx::Wgmma<T, kSpan>::multiplyAdd(sum + i * (kSpan / 2), a,
                                        ptx::swizzledOperand(b + i * (kSpan * 128 / 16)));
  }
  // The four blocks of this warp's 16 features along the reduction.
  __device__ __forceinline__ void loadQuads(uint32_t (&quads)[kSlabs], int slot, int chunk) const {
    ptx::loadMatrix4<Transposed>(quads,
                                 quadsAt_ + slot * R::kLayout.weights +
                                     chunk * (Transposed ? 1 : kShape.rows) * layout::kTileBytes);
  }
  // Forward: entry `warp` of runs [chunk][unit][row]. Transposed: entries along the reduction of
  // runs [row][unit][chunk].
  __device__ __forceinline__ void loadParam(int slot, int chunk, int i) {
    constexpr int kStep = Transposed ? Params::kEntryBytes : kShape.rows * kRunBytes;
    const uint32_t from =
        slot * R::kLayout.params + chunk * (Transposed ? kRunBytes : kUnits * kStep) + i * kStep;
    params_[i % kParamSets] = entry_.load(from);
  }
  __device__ __forceinline__ void loadParams(int slot, int chunk) {
#pragma unroll
    for (int i = 0; i < kParamSets; i++) loadParam(slot, chunk, i);
  }
  __device__ __forceinline__ void dequantize(uint32_t (&a)[4], uint32_t quads, int slab) const {
    const typename Params::Lane& p =
        params_[Transposed ? slab % kParamSets : slab * kUnits / kSlabs];
    a[0] = dequantizePair<T, layout::fragmentNibble(0, Transposed)>(quads, p);
    a[1] = dequantizePair<T, layout::fragmentNibble(1, Transposed)>(quads, p);
    a[2] = dequantizePair<T, layout::fragmentNibble(2, Transposed)>(quads, p);
    a[3] = dequantizePair<T, layout::fragmentNibble(3, Transposed)>(quads, p);
  }

  const R& ring_;
  const int lane_;
  const uint32_t quadsAt_, operandAt_;  // of slot 0, this lane's
  const uint32_t chunkPitch_;  // between chunks of activations, as an operand's address counts
  const Params entry_;
  int last_, older_;  // slots of the last two stages, not yet released; or −1
  uint32_t a_[kFragments][4];
  typename Params::Lane params_[kParamSets];
};

}  // namespace w4a16::sm90a
