// What the exported functions are called with, read from JavaScript: sizes, formats, bytes, engines
// and callbacks, checked as far as memory safety needs.
#pragma once

#include <napi.h>

#include <algorithm>
#include <memory>

#include "binding/handle.h"
#include "binding/js_engine.h"

namespace w4a16::binding {

inline size_t sizeAt(const Napi::CallbackInfo& info, size_t i) {
  return size_t(std::max<int64_t>(0, info[i].As<Napi::Number>().Int64Value()));
}

inline DType dtypeAt(const Napi::CallbackInfo& info, size_t i) {
  return DType(std::min<uint32_t>(2, info[i].As<Napi::Number>().Uint32Value()));
}

inline size_t bytesOf(DType type) {
  return type == DType::kFloat32 ? 4 : 2;
}

inline JsEngine& engineAt(const Napi::CallbackInfo& info, size_t i) {
  const std::shared_ptr<JsEngine>& engine = unwrap<JsEngine>(info[i]);
  if (engine->closed()) throw Napi::Error::New(info.Env(), "this native engine was closed");
  return *engine;
}

inline void require(Napi::Env env, bool condition, const char* what) {
  if (!condition) throw Napi::RangeError::New(env, what);
}

// Whether `count` rows of `rowBytes`, `stride` apart from `offset` on, lie inside `size` bytes and
// not on one another.
inline bool fits(size_t size, const Rows& r) {
  if (r.empty()) return true;
  if (r.stride < r.rowBytes) return false;
  const double last =
      double(r.offset) + double(r.count - 1) * double(r.stride) + double(r.rowBytes);
  return last <= double(size);
}

// By the array and not by its buffer, which may be shared among threads and then is no ArrayBuffer.
inline uint8_t* bytesOf(Napi::Value value, size_t* length) {
  require(value.Env(), value.IsTypedArray(), "expected a typed array");
  *length = value.As<Napi::TypedArray>().ByteLength();
  void* data = nullptr;
  napi_get_typedarray_info(value.Env(), value, nullptr, nullptr, &data, nullptr, nullptr);
  return static_cast<uint8_t*>(data);
}

// An operation that calls `callback` at its end, with kClosed if it never runs.
template <class T>
std::unique_ptr<T> reportingTo(Napi::Value callback) {
  auto operation = std::make_unique<T>();
  operation->reports = true;
  operation->callback = Napi::Persistent(callback.As<Napi::Function>());
  operation->result.kind = Outcome::kClosed;
  return operation;
}

}  // namespace w4a16::binding
