// What one JavaScript environment (the main thread, a worker) holds. Devices are numbers to
// JavaScript, so no object of the wrong kind can reach a pointer.
#pragma once
#include <napi.h>

#include <memory>
#include <unordered_map>

#include "../runtime/device.hpp"
#include "arguments.hpp"

namespace w4a16::binding {

class Addon {
 public:
  std::shared_ptr<Device> open(int ordinal, Id* id) {
    auto device = std::make_shared<Device>(ordinal);
    devices_[*id = next_++] = device;
    return device;
  }
  // Reads under way keep the device until they have finished.
  void close(Id id) { devices_.erase(id); }
  const std::shared_ptr<Device>& device(Id id) const {
    const auto found = devices_.find(id);
    if (found == devices_.end()) throw RuntimeError("NATIVE_FAILURE", "there is no device " + std::to_string(id));
    return found->second;
  }

 private:
  std::unordered_map<Id, std::shared_ptr<Device>> devices_;
  Id next_ = 1;
};

// The device that the first argument names.
inline const std::shared_ptr<Device>& deviceOf(const Napi::CallbackInfo& info) {
  return info.Env().GetInstanceData<Addon>()->device(id(info, 0));
}

// Exports `Function`, turning what it throws into JavaScript errors.
template <Napi::Value (*Function)(const Napi::CallbackInfo&)>
void exportFunction(Napi::Object exports, const char* name) {
  exports.Set(name, Napi::Function::New(
                        exports.Env(),
                        [](const Napi::CallbackInfo& info) -> Napi::Value {
                          try {
                            return Function(info);
                          } catch (const RuntimeError& error) {
                            throw toError(info.Env(), error.code(), error.what());
                          } catch (const std::bad_alloc&) {
                            throw toError(info.Env(), "OUT_OF_MEMORY", "the host has no memory left");
                          }
                        },
                        name));
}

void exportDevices(Napi::Object exports);
void exportMemory(Napi::Object exports);
void exportProducts(Napi::Object exports);
void exportStreams(Napi::Object exports);
void exportLayout(Napi::Object exports);

}  // namespace w4a16::binding
