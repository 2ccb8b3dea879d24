// The precompiled shapes of the Hopper kernels and the shared memory they take.
#pragma once
#include "../../layout/hopper_params.hpp"
#include "../fused_problem.hpp"

namespace w4a16::sm90a {

// Whole: a persistent CTA computes whole output tiles, the last ones perhaps in parts
// (schedule.hpp). Pair:  a cluster of two CTAs computes one output tile, each over half of the
// reduction.
enum class Family : int { Whole, Pair };

// A tile is `64 · rows` features by `tokens` tokens. In a CTA, `groups` groups of `rows` warpgroups
// share out the reduction, stage by stage; in a group each warpgroup computes 64 features.
// One more warpgroup loads.
struct Shape {
  Family family;
  int tokens;
  int rows;
  int groups;
  int chunks;     // 64s of the reduction to a stage
  bool batched;   // the four wgmmas of a chunk are issued together, the next chunk is dequantized
                  // meanwhile; otherwise one wgmma at a time, three of them outstanding
  int perSM = 1;  // CTAs that share a multiprocessor: one loads while another starts or ends

  // With two rows of parameters to 64, four stages of 256 would be all that fits two CTAs to a
  // multiprocessor; of 128 there fit ten.
  W4A16_HOST_DEVICE constexpr Shape forUnits(int units) const {
    Shape s = *this;
    if (perSM > 1 && units > 1) s.chunks = 2;
    return s;
  }
  // One wgmma takes up to 256 tokens; beyond that, two take half each, with the same fragment.
  W4A16_HOST_DEVICE constexpr int spans() const { return tokens > 256 ? 2 : 1; }
  W4A16_HOST_DEVICE constexpr int spanTokens() const { return tokens / spans(); }
  // Whole: tokens in a staging buffer (the last may be half full), and in one store of the copy
  // engine.
  W4A16_HOST_DEVICE constexpr int stagedTokens() const { return tokens % 64 == 0 ? 64 : 32; }
  // Whole: staging buffers of a warpgroup. With enough for a tile, it waits for none of the copy
  // engine's stores but those of the tile before; above 256 tokens that would cost a fifth of the
  // stages.
  W4A16_HOST_DEVICE constexpr int stagingBuffers() const {
    return tokens <= 2 * stagedTokens() || tokens > 256 ? 2 : ceilDiv(tokens, stagedTokens());
  }
  W4A16_HOST_DEVICE constexpr int boxTokens() const {
    return tokens % stagedTokens() == 0 ? stagedTokens() : tokens % 16 == 0 ? 16 : 8;
  }
  // Pair, the widest: a CTA adds up and stores one half of the tile's tokens, the first of its
  // operand. It is done with the other half first, and sends these sums while it still multiplies
  // its own. (With less to send, the stages of one half cost as much as they hide.)
  W4A16_HOST_DEVICE constexpr bool halves() const { return family == Family::Pair && tokens > 224; }
  // Copies of activations to a chunk.
  W4A16_HOST_DEVICE constexpr int loads() const { return halves() ? 2 : spans(); }
  W4A16_HOST_DEVICE constexpr int loadTokens() const { return tokens / loads(); }
  W4A16_HOST_DEVICE constexpr int features() const { return 64 * rows; }
  W4A16_HOST_DEVICE constexpr int warpgroups() const { return rows * groups; }
  W4A16_HOST_DEVICE constexpr int threads() const { return (warpgroups() + 1) * 128; }
  // Transposed, a batch's parameters take so many registers and shared memory accesses that it only
  // pays with 128 or fewer tokens, or without midpoints 192.
  W4A16_HOST_DEVICE constexpr bool batchedFor(bool transposed, Encoding encoding) const {
    return batched && (!transposed || tokens <= (encoding == Encoding::Zero ? 192 : 128));
  }
  // Whole: the second row starts a stage after the first, so that one multiplies while the other
  // dequantizes or stores. Below, one stage is too small a part of what the tensor cores have
  // queued.
  W4A16_HOST_DEVICE constexpr bool staggered() const { return tokens >= 192; }
  // Wide shapes need more registers than 384 threads have: the loading warpgroup hands over some of
  // its own.
  W4A16_HOST_DEVICE constexpr bool wide() const { return tokens > 128; }
};

constexpr Shape kShapes[] = {
    {Family::Pair, 16, 1, 4, 4, false},     // 0
    {Family::Pair, 16, 1, 2, 4, false, 2},  // 1
    {Family::Pair, 32, 1, 2, 4, false},     // 2
    {Family::Pair, 64, 1, 2, 2, true},      // 3
    {Family::Pair, 96, 1, 2, 2, true},      // 4
    {Family::Pair, 64, 2, 1, 2, true},      // 5
    {Family::Pair, 96, 2, 1, 2, true},      // 6
    {Family::Pair, 128, 2, 1, 2, true},     // 7
    {Family::Pair, 160, 2, 1, 1, false},    // 8
    {Family::Pair, 192, 2, 1, 1, false},    // 9
    {Family::Pair, 224, 2, 1, 1, false},    // 10
    {Family::Pair, 256, 2, 1, 1, false},    // 11
    {Family::Whole, 32, 2, 1, 2, true},     // 12
    {Family::Whole, 64, 2, 1, 2, true},     // 13
    {Family::Whole, 128, 2, 1, 1, false},   // 14
    {Family::Whole, 144, 2, 1, 1, true},    // 15
    {Family::Whole, 152, 2, 1, 1, true},    // 16
    {Family::Whole, 160, 2, 1, 1, true},    // 17
    {Family::Whole, 168, 2, 1, 1, true},    // 18
    {Family::Whole, 176, 2, 1, 1, true},    // 19
    {Family::Whole, 184, 2, 1, 1, true},    // 20
    {Family::Whole, 192, 2, 1, 1, true},    // 21
    {Family::Whole, 200, 2, 1, 1, true},    // 22
    {Family::Whole, 208, 2, 1, 1, true},    // 23
    {Family::Whole, 224, 2, 1, 1, true},    // 24
    {Family::Whole, 240, 2, 1, 1, true},    // 25
    {Family::Whole, 256, 2, 1, 1, true},    // 26
    {Family::Whole, 272, 2, 1, 1, false},   // 27
    {Family::Whole, 288, 2, 1, 1, false},   // 28
    {Family::Whole, 320, 2, 1, 1, false},   // 29
};
constexpr int kShapeCount = sizeof(kShapes) / sizeof(kShapes[0]);

// Rows of the parameter table that 64 of K may need: 1 where G is a multiple of 64 or all of K,
// 2 for other multiples of 32. 0: not for these kernels.
constexpr int paramUnits(int64_t groupSize, int64_t k) {
  return groupSize == k || groupSize % 64 == 0 ? 1 : groupSize % 32 == 0 ? 2 : 0;
}

// Parameters of 64 n in one group.
constexpr int runBytes(Encoding encoding) {
  return 4 * (encoding == Encoding::Zero ? layout::kHopperEntryBytes : layout::kEntryBytes);
}

// A CTA's shared memory: the ring of stages (activations, weights and parameters each in a region
// of their own, since the activations' swizzle wants them aligned to 1024), then what the epilogue
// needs beside the ring, then the barriers.
struct SharedLayout {
  int x, weights, params;  // bytes of one stage
  int stages;
  int weightsAt, paramsAt, extraAt, barriersAt, total;

  constexpr SharedLayout(const Shape& s, int units, Encoding encoding)
      : x(s.chunks * s.tokens * 128),
        weights(s.chunks * s.rows * layout::kTileBytes),
        params(s.chunks * s.rows * units * runBytes(encoding)),
        stages(0),
        weightsAt(0),
        paramsAt(0),
        extraAt(0),
        barriersAt(0),
        total(0) {
    const int fit =
        (kLimit / s.perSM - kReserved - kAlignment - kBarrierBytes - 1024 - extraBytes(s)) /
        (x + weights + params);
    stages = (fit < kMaxStages ? fit : kMaxStages) / s.groups *
             s.groups;  // a slot always serves the same group
    weightsAt = stages * x;
    paramsAt = weightsAt + stages * weights;
    extraAt =
        roundUp(paramsAt + stages * params, 1024);  // staging is swizzled like the activations
    barriersAt = extraAt + extraBytes(s);
    total = barriersAt + kBarrierBytes + kAlignment;
  }
  // Whole: staging buffers. Pair: the partial sums that arrive.
  static constexpr int extraBytes(const Shape& s) {
    return s.family == Family::Whole ? s.rows * s.stagingBuffers() * s.stagedTokens() * 128
                                     : s.rows * (s.tokens / 16) * (2 * s.groups - 1) * 2048;
  }
  // The runtime keeps 1 KB of each CTA's for itself, out of 228 KB.
  static constexpr int kLimit = 228 * 1024, kReserved = 1024, kAlignment = 1024,
                       kBarrierBytes = 256, kMaxStages = 12;
};

}  // namespace w4a16::sm90a
