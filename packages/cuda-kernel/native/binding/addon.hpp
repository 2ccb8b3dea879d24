// What one JavaScript environment (the main thread, a worker) holds. Devices are numbers to
// JavaScript, so no object of the wrong kind can reach a pointer.
#pragma once
#include <napi.h>

#include <memory>
#include <unordered_map>

#include "../runtime/device.hpp"
#include "arguments.hpp"

namespace w4a16::binding {

// Numbers that JavaScript leaves in memory both see: a product has sixteen arguments, and taking
// each through Node-API would cost more than the launch.
constexpr size_t kCallNumbers = 16;

class Addon {
 public:
  Id open(int ordinal, const Napi::Float64Array& call, heuristics::Preference preference) {
    Opened opened{std::make_shared<Device>(ordinal, preference), Napi::Persistent(call),
                  const_cast<Napi::Float64Array&>(call).Data()};
    devices_[next_] = std::move(opened);
    return next_++;
  }
  // Reads under way keep the device until they have finished.
  void close(Id id) { devices_.erase(id); }
  const std::shared_ptr<Device>& device(Id id) const { return opened(id).device; }
  const double* call(Id id) const { return opened(id).numbers; }

 private:
  struct Opened {
    std::shared_ptr<Device> device;
    Napi::Reference<Napi::Float64Array> call;
    const double* numbers;
  };
  const Opened& opened(Id id) const {
    const auto found = devices_.find(id);
    if (found == devices_.end())
      throw RuntimeError("NATIVE_FAILURE", "there is no device " + std::to_string(id));
    return found->second;
  }
  std::unordered_map<Id, Opened> devices_;
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
                            throw toError(info.Env(), "OUT_OF_MEMORY",
                                          "the host has no memory left");
                          }
                        },
                        name));
}

void exportDevices(Napi::Object exports);
void exportMemory(Napi::Object exports);
void exportProbes(Napi::Object exports);
void exportProducts(Napi::Object exports);
void exportStreams(Napi::Object exports);
void exportLayout(Napi::Object exports);

}  // namespace w4a16::binding
