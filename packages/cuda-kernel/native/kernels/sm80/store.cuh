// From complete sums to the output: scale, add the bias, round, store.
//
// A tile's outputs are taken in units of eight features of a token: 16 bytes of a 16-bit type.
#pragma once
#include <type_traits>

#include "../common/numeric.cuh"
#include "work.cuh"

namespace w4a16::sm80 {

constexpr int kUnit = 8;  // features

W4A16_DEVICE float loadAs(const void* p, DataType type, int64_t i) {
  switch (type) {
    case DataType::Float16:
      return __half2float(static_cast<const __half*>(p)[i]);
    case DataType::BFloat16:
      return __bfloat162float(static_cast<const __nv_bfloat16*>(p)[i]);
    default:
      return static_cast<const float*>(p)[i];
  }
}

template <typename T>
W4A16_DEVICE uint32_t pack2(float lo, float hi) {
  const T l = Numeric<T>::fromFloat(lo), h = Numeric<T>::fromFloat(hi);
  return static_cast<uint32_t>(reinterpret_cast<const uint16_t&>(l)) |
         static_cast<uint32_t>(reinterpret_cast<const uint16_t&>(h)) << 16;
}

// One element of any type.
W4A16_DEVICE void storeElement(const FusedArguments& args, int64_t at, float v) {
  switch (args.outType) {
    case DataType::Float16:
      static_cast<__half*>(args.out)[at] = __float2half_rn(v);
      break;
    case DataType::BFloat16:
      static_cast<__nv_bfloat16*>(args.out)[at] = __float2bfloat16_rn(v);
      break;
    default:
      static_cast<float*>(args.out)[at] = v;
  }
}

// Stores units of a tile from unit `first` on, those of one thread: `threads` apart, so that they
// lie below each other. `Plain`: see storesPlainly(); the other way is for edges and other types,
// with no more code than needed.
template <typename T, int TileIndex, bool Plain>
class UnitStore {
 public:
  static constexpr TileShape kTile = kTiles[TileIndex];
  static constexpr int kAcross = kTile.features / kUnit, kDown = kTile.threads() / kAcross;
  static_assert(kTile.threads() % kAcross == 0, "a thread's units lie below each other");

  __device__ __forceinline__ UnitStore(const FusedArguments& a, const Work<TileIndex>& work,
                                       int first)
      : args(a),
        token(work.firstToken + first / kAcross),
        feature(work.firstFeature + first % kAcross * kUnit) {
    if (!args.bias) return;
#pragma unroll
    for (int i = 0; i < kUnit; i++)
      if (Plain || feature + i < args.features)
        bias[i] = loadAs(args.bias, args.biasType, feature + i);
  }

  template <int Count>
  __device__ __forceinline__ void store(float (&v)[Count][kUnit]) {
#pragma unroll
    for (int j = 0; j < Count; j++, token += kDown) {
      if (token >= args.tokens) continue;
#pragma unroll
      for (int i = 0; i < kUnit; i++) v[j][i] *= args.outScale;
      if (args.bias)
#pragma unroll
        for (int i = 0; i < kUnit; i++) v[j][i] += bias[i];
      const int64_t at = token * args.outStride + feature;
      if constexpr (Plain) {
        *reinterpret_cast<uint4*>(static_cast<T*>(args.out) + at) =
            make_uint4(pack2<T>(v[j][0], v[j][1]), pack2<T>(v[j][2], v[j][3]),
                       pack2<T>(v[j][4], v[j][5]), pack2<T>(v[j][6], v[j][7]));
      } else {
#pragma unroll
        for (int i = 0; i < kUnit; i++)
          if (feature + i < args.features) storeElement(args, at + i, v[j][i]);
      }
    }
  }

 private:
  const FusedArguments& args;
  int token, feature;
  float bias[kUnit] = {};
};

// Whether a tile is stored a unit at a time in the activations' type.
template <typename T, int TileIndex>
W4A16_DEVICE bool storesPlainly(const FusedArguments& args, const Work<TileIndex>& work) {
  return args.outType == Numeric<T>::kType && args.outAligned &&
         work.firstFeature + kTiles[TileIndex].features <= args.features;
}

// How many units a thread takes at a time: as many as there are, to `most`. More hide the latency
// of sums from far away; fewer are less code, all of which a launch meets for the first time.
constexpr int unitsAtATime(int units, int threads, int most) {
  for (int count = most; count > 1; count /= 2)
    if (units % (count * threads) == 0) return count;
  return 1;
}

// Stores the first Units units of a tile. `sums(first, v)` gives those of units `first`, `first` +
// threads, … , Count of them.
template <typename T, int TileIndex, int Units, int Count, typename Sums>
W4A16_DEVICE void storeTile(const FusedArguments& args, const Work<TileIndex>& work,
                            const Sums& sums) {
  constexpr int kThreads = kTiles[TileIndex].threads();
  const auto all = [&](auto count, auto plain) {
    UnitStore<T, TileIndex, decltype(plain)::value> out(args, work, threadIdx.x);
#pragma unroll 1
    for (int first = threadIdx.x; first < Units; first += decltype(count)::value * kThreads) {
      float v[decltype(count)::value][kUnit];
      sums(first, v);
      out.store(v);
    }
  };
  if (storesPlainly<T>(args, work))
    all(std::integral_constant<int, Count>{}, std::true_type{});
  else
    all(std::integral_constant<int, 1>{}, std::false_type{});
}

}  // namespace w4a16::sm80
