#include "addon.hpp"
#include "wait.hpp"

namespace w4a16::binding {
namespace {

// device, bytes, zero
Napi::Value allocate(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), deviceOf(info)->allocate(count(info, 1), flag(info, 2)));
}

// device, buffer
Napi::Value free(const Napi::CallbackInfo& info) {
  deviceOf(info)->free(id(info, 1));
  return info.Env().Undefined();
}

// …, buffer, offset, rows, rowBytes, stride, from argument 1 on
Region region(const Napi::CallbackInfo& info) {
  return {id(info, 1), static_cast<size_t>(count(info, 2)), static_cast<size_t>(count(info, 3)),
          static_cast<size_t>(count(info, 4)), static_cast<size_t>(count(info, 5))};
}

// device, buffer, offset, rows, rowBytes, stride, data
Napi::Value upload(const Napi::CallbackInfo& info) {
  const Region target = region(info);
  deviceOf(info)->upload(target, bytes(info, 6, target.bytes()).data);
  return info.Env().Undefined();
}

// device, buffer, offset, rows, rowBytes, stride, data → Promise, when data has been filled
Napi::Value download(const Napi::CallbackInfo& info) {
  const Region source = region(info);
  const Bytes into = bytes(info, 6, source.bytes());
  const auto& device = deviceOf(info);
  return Wait::start(info.Env(), device, device->startDownload(source),
                     {info[6].As<Napi::Object>(), into.data, source.bytes()});
}

}  // namespace

void exportMemory(Napi::Object exports) {
  exportFunction<allocate>(exports, "allocate");
  exportFunction<free>(exports, "free");
  exportFunction<upload>(exports, "upload");
  exportFunction<download>(exports, "download");
}

}  // namespace w4a16::binding
