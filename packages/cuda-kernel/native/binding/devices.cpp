#include "../runtime/probe.hpp"
#include "addon.hpp"
#include "wait.hpp"

namespace w4a16::binding {
namespace {

Napi::Value probeValue(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Probe found = probe();
  Napi::Object result = Napi::Object::New(env);
  result.Set("driverVersion", found.driverVersion);
  result.Set("runtimeVersion", found.runtimeVersion);
  result.Set("error", found.error);
  Napi::Array devices = Napi::Array::New(env, found.devices.size());
  for (size_t i = 0; i < found.devices.size(); i++) {
    const DeviceInfo& d = found.devices[i];
    Napi::Object device = Napi::Object::New(env);
    device.Set("ordinal", d.ordinal);
    device.Set("name", d.name);
    device.Set("major", d.major);
    device.Set("minor", d.minor);
    device.Set("multiprocessors", d.sms);
    device.Set("memoryBytes", d.memoryBytes);
    device.Set("l2Bytes", d.l2Bytes);
    devices.Set(static_cast<uint32_t>(i), device);
  }
  result.Set("devices", devices);
  return result;
}

// ordinal, call, preferred kernel
Napi::Value open(const Napi::CallbackInfo& info) {
  bytes(info, 1, kCallNumbers * sizeof(double));
  const Napi::TypedArray call = info[1].As<Napi::TypedArray>();
  if (call.TypedArrayType() != napi_float64_array)
    throw RuntimeError("NATIVE_FAILURE", "argument 1 is no Float64Array");
  const int64_t preference = count(info, 2);
  if (preference > 2) throw RuntimeError("NATIVE_FAILURE", "argument 2 is no preference");
  Addon* addon = info.Env().GetInstanceData<Addon>();
  return Napi::Number::New(
      info.Env(), addon->open(static_cast<int>(count(info, 0)), call.As<Napi::Float64Array>(),
                              static_cast<heuristics::Preference>(preference)));
}

Napi::Value close(const Napi::CallbackInfo& info) {
  info.Env().GetInstanceData<Addon>()->close(id(info, 0));
  return info.Env().Undefined();
}

// Why no product on the device gets a Hopper kernel; empty if some do.
Napi::Value withoutHopper(const Napi::CallbackInfo& info) {
  const char* reason = deviceOf(info)->withoutHopper();
  return Napi::String::New(info.Env(), reason ? reason : "");
}

Napi::Value synchronize(const Napi::CallbackInfo& info) {
  const auto& device = deviceOf(info);
  return Wait::start(info.Env(), device, device->fence(), {});
}

Napi::Value memory(const Napi::CallbackInfo& info) {
  const auto& device = deviceOf(info);
  size_t free, total;
  device->memoryInfo(&free, &total);
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("weights", static_cast<double>(device->weightBytes()));
  result.Set("tensors", static_cast<double>(device->bufferBytes()));
  result.Set("deviceFree", static_cast<double>(free));
  result.Set("deviceTotal", static_cast<double>(total));
  return result;
}

}  // namespace

void exportDevices(Napi::Object exports) {
  exportFunction<probeValue>(exports, "probe");
  exportFunction<open>(exports, "open");
  exportFunction<close>(exports, "close");
  exportFunction<withoutHopper>(exports, "withoutHopper");
  exportFunction<synchronize>(exports, "synchronize");
  exportFunction<memory>(exports, "memory");
}

}  // namespace w4a16::binding
