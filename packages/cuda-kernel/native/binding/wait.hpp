// Promises that a thread of libuv's pool settles once the device has come to an event.
#pragma once
#include "addon.hpp"

namespace w4a16::binding {

// Where the bytes of a staging block go: memory of a JavaScript object, which lives until then. It
// was allocated there because Node-API would end the process where there is none left.
struct Into {
  Napi::Object owner;
  void* data = nullptr;
  size_t bytes = 0;
};

// Waits for a staging block's event and copies its bytes.
class Wait : public Napi::AsyncWorker {
 public:
  static Napi::Value start(Napi::Env env, std::shared_ptr<Device> device,
                           std::unique_ptr<StagingBlock> block, const Into& into) {
    auto* worker = new Wait(env, std::move(device), std::move(block), into);
    const Napi::Promise promise = worker->deferred_.Promise();
    worker->Queue();
    return promise;
  }

 protected:
  void Execute() override {
    try {
      device_->finishDownload(std::move(block_), data_, bytes_);
    } catch (const RuntimeError& error) {
      code_ = error.code();
      SetError(error.what());
    }
  }
  void OnOK() override {
    settle([&] { deferred_.Resolve(Env().Undefined()); });
  }
  void OnError(const Napi::Error& error) override {
    settle([&] { deferred_.Reject(toError(Env(), code_, error.Message()).Value()); });
  }

 private:
  template <typename Settle>
  static void settle(Settle settle) {
    try {
      settle();
    } catch (const Napi::Error&) {
      // Thrown where a worker is being terminated: nobody waits any more.
    }
  }

  Wait(Napi::Env env, std::shared_ptr<Device> device, std::unique_ptr<StagingBlock> block,
       const Into& into)
      : AsyncWorker(env),
        deferred_(Napi::Promise::Deferred::New(env)),
        device_(std::move(device)),
        block_(std::move(block)),
        data_(into.data),
        bytes_(into.bytes) {
    if (!into.owner.IsEmpty()) owner_ = Napi::Persistent(into.owner);
  }

  Napi::Promise::Deferred deferred_;
  std::shared_ptr<Device> device_;
  std::unique_ptr<StagingBlock> block_;
  Napi::ObjectReference owner_;
  void* data_;
  size_t bytes_;
  std::string code_ = "NATIVE_FAILURE";
};

}  // namespace w4a16::binding
