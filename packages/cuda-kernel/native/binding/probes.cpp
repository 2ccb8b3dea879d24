// What a device does at most.
#include "addon.hpp"

namespace w4a16::binding {
namespace {

// device, buffer, type
Napi::Value fill(const Napi::CallbackInfo& info) {
  deviceOf(info)->probeFill(id(info, 1), dataType(info, 2));
  return info.Env().Undefined();
}

// device, buffer, passes
Napi::Value read(const Napi::CallbackInfo& info) {
  const int64_t passes = count(info, 2);
  if (passes > 1 << 20) throw RuntimeError("NATIVE_FAILURE", "too many passes");
  deviceOf(info)->probeRead(id(info, 1), static_cast<int>(passes));
  return info.Env().Undefined();
}

// device, buffer of 16 bytes, type → multiplications and additions
Napi::Value multiplyAdd(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(),
                           deviceOf(info)->probeMultiplyAdd(id(info, 1), dataType(info, 2)));
}

}  // namespace

void exportProbes(Napi::Object exports) {
  exportFunction<fill>(exports, "probeFill");
  exportFunction<read>(exports, "probeRead");
  exportFunction<multiplyAdd>(exports, "probeMultiplyAdd");
}

}  // namespace w4a16::binding
