#include "../kernels/sm80/tiles.hpp"
#include "addon.hpp"

namespace w4a16::binding {
namespace {

// device, N, K, groupSize, signed, kept type, codes, scales, zeros
Napi::Value loadWeight(const Napi::CallbackInfo& info) {
  const int64_t N = count(info, 1), K = count(info, 2), groupSize = count(info, 3);
  if (N < 1 || K < 2 || K % 2 || groupSize < 1 || K % groupSize || N > INT32_MAX || K > INT32_MAX)
    throw RuntimeError("NATIVE_FAILURE", "a weight of no valid shape");
  const size_t parameters = static_cast<size_t>(K / groupSize * N) * 4;
  const uint8_t* codes = bytes(info, 6, static_cast<size_t>(K / 2 * N)).data;
  const auto* scales = reinterpret_cast<const float*>(bytes(info, 7, parameters).data);
  const auto* zeros = reinterpret_cast<const float*>(bytes(info, 8, parameters).data);
  return Napi::Number::New(
      info.Env(), deviceOf(info)->loadWeight(N, K, groupSize, flag(info, 4), dataType(info, 5),
                                             codes, scales, zeros));
}

// device, weight
Napi::Value freeWeight(const Napi::CallbackInfo& info) {
  deviceOf(info)->freeWeight(id(info, 1));
  return info.Env().Undefined();
}

// A product's arguments, by their places among the call's numbers: CALL of src/native.ts.
struct Call {
  static constexpr size_t kWeight = 0, kTransposed = 1, kRows = 2, kX = 3, kOut = 7, kBias = 11,
                          kDense = 15;
  const double* numbers;
  int64_t at(size_t i) const { return toCount(numbers[i], i); }
  // Four numbers: buffer, offset, stride, type.
  Operand operand(size_t i) const {
    const int64_t type = at(i + 3);
    if (type > 2) throw RuntimeError("NATIVE_FAILURE", "an operand of no data type");
    return {static_cast<Id>(at(i)), static_cast<size_t>(at(i + 1)), at(i + 2),
            static_cast<DataType>(type)};
  }
};

// device; the rest in the call's numbers
Napi::Value matmul(const Napi::CallbackInfo& info) {
  const Addon* addon = info.Env().GetInstanceData<Addon>();
  const Id device = id(info, 0);
  const Call call{addon->call(device)};
  addon->device(device)->matmul(
      static_cast<Id>(call.at(Call::kWeight)), call.at(Call::kTransposed) != 0,
      call.at(Call::kRows), call.operand(Call::kX), call.operand(Call::kOut),
      call.operand(Call::kBias),
      call.at(Call::kDense) != 0 ? Strategy::Dequantize : Strategy::Fused);
  return info.Env().Undefined();
}

// device, N, K; the rest in the call's numbers, whose weight is the buffer of a dense one
Napi::Value matmulDense(const Napi::CallbackInfo& info) {
  const Call call{info.Env().GetInstanceData<Addon>()->call(id(info, 0))};
  deviceOf(info)->matmulDense(static_cast<Id>(call.at(Call::kWeight)), count(info, 1),
                              count(info, 2), call.at(Call::kTransposed) != 0, call.at(Call::kRows),
                              call.operand(Call::kX), call.operand(Call::kOut));
  return info.Env().Undefined();
}

// device
Napi::Value requireDense(const Napi::CallbackInfo& info) {
  deviceOf(info)->requireDense();
  return info.Env().Undefined();
}

// device, weight, type, buffer
Napi::Value dequantize(const Napi::CallbackInfo& info) {
  deviceOf(info)->dequantize(id(info, 1), dataType(info, 2), id(info, 3));
  return info.Env().Undefined();
}

// …, N, K, groupSize, transposed, M, from argument 1 on
Shape shapeOf(const Napi::CallbackInfo& info) {
  const Shape s{count(info, 1), count(info, 2), count(info, 3), count(info, 5), flag(info, 4)};
  if (s.N < 1 || s.K < 2 || s.groupSize < 1 || s.M < 1 || s.N > INT32_MAX || s.K > INT32_MAX ||
      s.M > INT32_MAX || s.K % s.groupSize)
    throw RuntimeError("NATIVE_FAILURE", "a product of no valid shape");
  return s;
}

// device, shape → the names of the kernels that could compute it
Napi::Value candidates(const Napi::CallbackInfo& info) {
  const auto found = deviceOf(info)->candidates(shapeOf(info));
  Napi::Array names = Napi::Array::New(info.Env(), found.size());
  for (size_t i = 0; i < found.size(); i++) names.Set(static_cast<uint32_t>(i), found[i].name);
  return names;
}

// device, shape, name → whether there is such a candidate
Napi::Value useCandidate(const Napi::CallbackInfo& info) {
  if (info.Length() < 7 || !info[6].IsString())
    throw RuntimeError("NATIVE_FAILURE", "argument 6 is no text");
  return Napi::Boolean::New(info.Env(), deviceOf(info)->useCandidate(
                                            shapeOf(info), info[6].As<Napi::String>().Utf8Value()));
}

// device, weight, transposed, M, x type → which kernel a product would use
Napi::Value choose(const Napi::CallbackInfo& info) {
  const DataType type = dataType(info, 4);
  Napi::Object result = Napi::Object::New(info.Env());
  if (type == DataType::Float32) {
    result.Set("kernel", "simt-float32");
    return result;
  }
  const heuristics::Kernel kernel =
      deviceOf(info)->explain(id(info, 1), flag(info, 2), count(info, 3), type);
  if (!kernel.notHopper) {
    const sm90a::Shape& shape = sm90a::kShapes[kernel.hopper.shape];
    result.Set("kernel", "sm90a-wgmma");
    result.Set("plan", sm90a::nameOf(kernel.hopper));
    result.Set("tileFeatures", shape.features());
    result.Set("tileTokens", shape.tokens);
    result.Set("microseconds", kernel.hopper.microseconds);
    return result;
  }
  const heuristics::Choice choice = kernel.portable;
  if (choice.tile < 0)
    throw RuntimeError("NATIVE_FAILURE", "no kernel fits this device's shared memory");
  const sm80::TileShape& tile = sm80::kTiles[choice.tile];
  result.Set("kernel", "sm80-mma");
  result.Set("tileFeatures", tile.features);
  result.Set("tileTokens", tile.tokens);
  result.Set("splits", choice.splits);
  result.Set("microseconds", choice.microseconds);
  result.Set("notHopper", kernel.notHopper);
  return result;
}

}  // namespace

void exportProducts(Napi::Object exports) {
  exportFunction<loadWeight>(exports, "loadWeight");
  exportFunction<freeWeight>(exports, "freeWeight");
  exportFunction<matmul>(exports, "matmul");
  exportFunction<matmulDense>(exports, "matmulDense");
  exportFunction<requireDense>(exports, "requireDense");
  exportFunction<dequantize>(exports, "dequantize");
  exportFunction<choose>(exports, "choose");
  exportFunction<candidates>(exports, "candidates");
  exportFunction<useCandidate>(exports, "useCandidate");
}

}  // namespace w4a16::binding
