#include "../kernels/sm80/tiles.hpp"
#include "addon.hpp"

namespace w4a16::binding {
namespace {

DataType dataType(const Napi::CallbackInfo& info, size_t i) {
  const int64_t value = count(info, i);
  if (value > 2) throw RuntimeError("NATIVE_FAILURE", "argument " + std::to_string(i) + " is no data type");
  return static_cast<DataType>(value);
}

// device, N, K, groupSize, signed, kept type, codes, scales, zeros
Napi::Value loadWeight(const Napi::CallbackInfo& info) {
  const int64_t N = count(info, 1), K = count(info, 2), groupSize = count(info, 3);
  if (N < 1 || K < 2 || K % 2 || groupSize < 1 || K % groupSize || N > INT32_MAX || K > INT32_MAX) throw RuntimeError("NATIVE_FAILURE", "a weight of no valid shape");
  const size_t parameters = static_cast<size_t>(K / groupSize * N) * 4;
  const uint8_t* codes = bytes(info, 6, static_cast<size_t>(K / 2 * N)).data;
  const auto* scales = reinterpret_cast<const float*>(bytes(info, 7, parameters).data);
  const auto* zeros = reinterpret_cast<const float*>(bytes(info, 8, parameters).data);
  return Napi::Number::New(info.Env(), deviceOf(info)->loadWeight(N, K, groupSize, flag(info, 4), dataType(info, 5), codes, scales, zeros));
}

// device, weight
Napi::Value freeWeight(const Napi::CallbackInfo& info) {
  deviceOf(info)->freeWeight(id(info, 1));
  return info.Env().Undefined();
}

// buffer, offset, stride, type from argument i on
Operand operand(const Napi::CallbackInfo& info, size_t i) { return {id(info, i), static_cast<size_t>(count(info, i + 1)), count(info, i + 2), dataType(info, i + 3)}; }

// device, weight, transposed, M, x…, out…, bias…, dense
Napi::Value matmul(const Napi::CallbackInfo& info) {
  deviceOf(info)->matmul(id(info, 1), flag(info, 2), count(info, 3), operand(info, 4), operand(info, 8), operand(info, 12), flag(info, 16) ? Strategy::Dequantize : Strategy::Fused);
  return info.Env().Undefined();
}

// device, weight, type, buffer
Napi::Value dequantize(const Napi::CallbackInfo& info) {
  deviceOf(info)->dequantize(id(info, 1), dataType(info, 2), id(info, 3));
  return info.Env().Undefined();
}

// device, weight, transposed, M, x type → which kernel a product would use
Napi::Value choose(const Napi::CallbackInfo& info) {
  const DataType type = dataType(info, 4);
  Napi::Object result = Napi::Object::New(info.Env());
  if (type == DataType::Float32) {
    result.Set("kernel", "simt-float32");
    return result;
  }
  const heuristics::Choice choice = deviceOf(info)->choose(id(info, 1), flag(info, 2), count(info, 3), type);
  if (choice.tile < 0) throw RuntimeError("NATIVE_FAILURE", "no kernel fits this device's shared memory");
  const sm80::TileShape& tile = sm80::kTiles[choice.tile];
  result.Set("kernel", "sm80-mma");
  result.Set("tileFeatures", tile.features);
  result.Set("tileTokens", tile.tokens);
  result.Set("splits", choice.splits);
  result.Set("microseconds", choice.microseconds);
  return result;
}

}  // namespace

void exportProducts(Napi::Object exports) {
  exportFunction<loadWeight>(exports, "loadWeight");
  exportFunction<freeWeight>(exports, "freeWeight");
  exportFunction<matmul>(exports, "matmul");
  exportFunction<dequantize>(exports, "dequantize");
  exportFunction<choose>(exports, "choose");
}

}  // namespace w4a16::binding
