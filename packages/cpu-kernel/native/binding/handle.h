// Native objects as JavaScript handles: tagged with their type, counted in the engine's ledger,
// released explicitly or, as a backstop, by the garbage collector.
#pragma once

#include <napi.h>

#include <memory>

#include "binding/js_engine.h"

namespace w4a16::binding {

// Random 128-bit tags; an object with another tag, or none, is refused.
template <class T>
struct TypeTag;
template <>
struct TypeTag<Storage> {
  static constexpr napi_type_tag value{0x6d1f0c9e52a84b37, 0x9b0e4f6a7c2d1835};
  static constexpr const char* name = "tensor storage";
};
template <>
struct TypeTag<PackedWeight> {
  static constexpr napi_type_tag value{0x2c7a90e1f3b64d58, 0xa4d83b1e6f905c72};
  static constexpr const char* name = "weight";
};
template <>
struct TypeTag<JsEngine> {
  static constexpr napi_type_tag value{0xe85b17d2940c4fa6, 0x8f3c62a9d07e41b1};
  static constexpr const char* name = "engine";
};

// Tells the garbage collector of memory that it does not see. Only a hint, so a failure, as in an
// environment that is ending, does not matter.
inline void adjustExternalMemory(napi_env env, int64_t bytes) {
  int64_t total;
  napi_adjust_external_memory(env, bytes, &total);
}

template <class T>
struct Box {
  std::shared_ptr<T> object;
  std::shared_ptr<Ledger> ledger;
  std::atomic<int64_t> Ledger::* account = nullptr;
  int64_t bytes = 0;

  void release(Napi::Env env) {
    if (!object) return;
    if constexpr (std::is_same_v<T, JsEngine>) object->close(env, false);
    object.reset();
    if (!account) return;
    *ledger.*account -= bytes;
    adjustExternalMemory(env, -bytes);
  }
};

template <class T>
Napi::Object makeHandle(Napi::Env env, std::shared_ptr<T> object,
                        std::shared_ptr<Ledger> ledger = nullptr,
                        std::atomic<int64_t> Ledger::* account = nullptr, int64_t bytes = 0) {
  Napi::Object handle = Napi::Object::New(env);
  auto box = std::make_unique<Box<T>>();
  box->object = std::move(object);
  box->ledger = std::move(ledger);
  box->account = account;
  box->bytes = bytes;
  const auto finalize = [](napi_env env, void* data, void*) {
    std::unique_ptr<Box<T>> box(static_cast<Box<T>*>(data));
    box->release(env);
  };
  napi_status status = napi_wrap(env, handle, box.get(), finalize, nullptr, nullptr);
  if (status != napi_ok) throw Napi::Error::New(env, "could not wrap a native object");
  Box<T>* owned = box.release();
  // Before anything else can fail, as it does while a worker is being terminated: from here on the
  // finalizer takes these bytes back, and V8 aborts where more is taken than was given.
  if (account) {
    *owned->ledger.*account += bytes;
    adjustExternalMemory(env, bytes);
  }
  status = napi_type_tag_object(env, handle, &TypeTag<T>::value);
  if (status != napi_ok) throw Napi::Error::New(env, "could not tag a native object");
  return handle;
}

template <class T>
bool isHandle(Napi::Value value) {
  bool same = false;
  return value.IsObject() &&
         napi_check_object_type_tag(value.Env(), value, &TypeTag<T>::value, &same) == napi_ok &&
         same;
}

template <class T>
Box<T>& boxOf(Napi::Value value) {
  void* data = nullptr;
  if (!isHandle<T>(value) || napi_unwrap(value.Env(), value, &data) != napi_ok) {
    throw Napi::TypeError::New(value.Env(), std::string("expected a native ") + TypeTag<T>::name);
  }
  return *static_cast<Box<T>*>(data);
}

template <class T>
std::shared_ptr<T>& unwrap(Napi::Value value) {
  Box<T>& box = boxOf<T>(value);
  if (!box.object) {
    throw Napi::Error::New(value.Env(),
                           std::string("this native ") + TypeTag<T>::name + " was released");
  }
  return box.object;
}

}  // namespace w4a16::binding
