// Promises that a thread of libuv's pool settles once the device has come to an event.
#pragma once
#include "addon.hpp"

namespace w4a16::binding {

// Waits for a staging block's event, copies its bytes into an ArrayBuffer and resolves with it; of
// no bytes, resolves with undefined.
class Wait : public Napi::AsyncWorker {
 public:
  static Napi::Value start(Napi::Env env, std::shared_ptr<Device> device,
                           std::unique_ptr<StagingBlock> block, size_t bytes, bool hasBytes) {
    auto* worker = new Wait(env, std::move(device), std::move(block), bytes, hasBytes);
    const Napi::Promise promise = worker->deferred_.Promise();
    worker->Queue();
    return promise;
  }

 protected:
  void Execute() override {
    try {
      device_->finishDownload(std::move(block_), into_, bytes_);
    } catch (const RuntimeError& error) {
      code_ = error.code();
      SetError(error.what());
    }
  }
  void OnOK() override {
    settle([&] { deferred_.Resolve(buffer_.IsEmpty() ? Env().Undefined() : buffer_.Value()); });
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
       size_t bytes, bool hasBytes)
      : AsyncWorker(env),
        deferred_(Napi::Promise::Deferred::New(env)),
        device_(std::move(device)),
        block_(std::move(block)),
        bytes_(bytes) {
    if (!hasBytes) return;
    Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(env, bytes);
    into_ = buffer.Data();
    buffer_ = Napi::Reference<Napi::ArrayBuffer>::New(buffer, 1);
  }

  Napi::Promise::Deferred deferred_;
  std::shared_ptr<Device> device_;
  std::unique_ptr<StagingBlock> block_;
  Napi::Reference<Napi::ArrayBuffer> buffer_;
  void* into_ = nullptr;
  size_t bytes_;
  std::string code_ = "NATIVE_FAILURE";
};

}  // namespace w4a16::binding
