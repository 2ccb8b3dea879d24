#include "addon.hpp"
#include "wait.hpp"

namespace w4a16::binding {
namespace {

template <Id (Device::*Make)()>
Napi::Value make(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), (deviceOf(info).get()->*Make)());
}

template <void (Device::*Act)(Id)>
Napi::Value act(const Napi::CallbackInfo& info) {
  (deviceOf(info).get()->*Act)(id(info, 1));
  return info.Env().Undefined();
}

template <void (Device::*Act)()>
Napi::Value actPlain(const Napi::CallbackInfo& info) {
  (deviceOf(info).get()->*Act)();
  return info.Env().Undefined();
}

// device, from event, to event → milliseconds; both must have passed
Napi::Value elapsed(const Napi::CallbackInfo& info) {
  const auto& device = deviceOf(info);
  float milliseconds;
  const cudaError_t error =
      cudaEventElapsedTime(&milliseconds, device->event(id(info, 1)), device->event(id(info, 2)));
  if (error == cudaErrorNotReady) {
    cudaGetLastError();
    throw RuntimeError("NOT_READY", "the events have not both passed");
  }
  check(error, "reading the time between events");
  return Napi::Number::New(info.Env(), milliseconds);
}

}  // namespace

void exportStreams(Napi::Object exports) {
  exportFunction<make<&Device::createStream>>(exports, "createStream");
  exportFunction<act<&Device::destroyStream>>(exports, "destroyStream");
  exportFunction<act<&Device::useStream>>(exports, "useStream");
  exportFunction<make<&Device::createEvent>>(exports, "createEvent");
  exportFunction<act<&Device::destroyEvent>>(exports, "destroyEvent");
  exportFunction<act<&Device::recordEvent>>(exports, "recordEvent");
  exportFunction<act<&Device::waitEvent>>(exports, "waitEvent");
  exportFunction<elapsed>(exports, "elapsed");
  exportFunction<actPlain<&Device::beginCapture>>(exports, "beginCapture");
  exportFunction<make<&Device::endCapture>>(exports, "endCapture");
  exportFunction<actPlain<&Device::abandonCapture>>(exports, "abandonCapture");
  exportFunction<act<&Device::launchGraph>>(exports, "launchGraph");
  exportFunction<act<&Device::destroyGraph>>(exports, "destroyGraph");
}

}  // namespace w4a16::binding
