// Reading JavaScript arguments. The TypeScript side has checked them; what is wrong here is
// still an error and never a crash.
#pragma once
#include <napi.h>

#include <cstdint>

#include "../kernels/fused_problem.hpp"
#include "../runtime/error.hpp"

namespace w4a16::binding {

inline double number(const Napi::CallbackInfo& info, size_t i) {
  double value;
  if (i >= info.Length() || napi_get_value_double(info.Env(), info[i], &value) != napi_ok)
    throw RuntimeError("NATIVE_FAILURE", "argument " + std::to_string(i) + " is no number");
  return value;
}
// A whole number from 0 to 2⁵³; `i` says which argument it is.
inline int64_t toCount(double value, size_t i) {
  if (!(value >= 0 && value <= 9007199254740992.0) ||
      value != static_cast<double>(static_cast<int64_t>(value)))
    throw RuntimeError("NATIVE_FAILURE", "argument " + std::to_string(i) + " is no count");
  return static_cast<int64_t>(value);
}
inline int64_t count(const Napi::CallbackInfo& info, size_t i) {
  return toCount(number(info, i), i);
}
inline uint64_t id(const Napi::CallbackInfo& info, size_t i) {
  return static_cast<uint64_t>(count(info, i));
}
inline bool flag(const Napi::CallbackInfo& info, size_t i) {
  bool value;
  if (i >= info.Length() || napi_get_value_bool(info.Env(), info[i], &value) != napi_ok)
    throw RuntimeError("NATIVE_FAILURE", "argument " + std::to_string(i) + " is no boolean");
  return value;
}

inline DataType dataType(const Napi::CallbackInfo& info, size_t i) {
  const int64_t value = count(info, i);
  if (value > 2)
    throw RuntimeError("NATIVE_FAILURE", "argument " + std::to_string(i) + " is no data type");
  return static_cast<DataType>(value);
}

struct Bytes {
  uint8_t* data;
  size_t length;
};
// The memory of a typed array, of at least `least` bytes: by the array and not by its buffer, which
// may be shared among threads and then is no ArrayBuffer.
inline Bytes bytes(const Napi::CallbackInfo& info, size_t i, size_t least) {
  if (i >= info.Length() || !info[i].IsTypedArray())
    throw RuntimeError("NATIVE_FAILURE", "argument " + std::to_string(i) + " is no typed array");
  void* data = nullptr;
  napi_get_typedarray_info(info.Env(), info[i], nullptr, nullptr, &data, nullptr, nullptr);
  const Bytes found{static_cast<uint8_t*>(data), info[i].As<Napi::TypedArray>().ByteLength()};
  if (found.length < least)
    throw RuntimeError("NATIVE_FAILURE", "argument " + std::to_string(i) + " is too short");
  return found;
}

// A JavaScript error with the runtime's code.
inline Napi::Error toError(Napi::Env env, const std::string& code, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, code));
  return error;
}

}  // namespace w4a16::binding
