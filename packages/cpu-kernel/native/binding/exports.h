// The exported functions that addon.cpp does not hold itself; each is described where it is
// defined.
#pragma once

#include <napi.h>

namespace w4a16::binding {

// memory.cpp
Napi::Value createStorage(const Napi::CallbackInfo& info);
Napi::Value loadWeight(const Napi::CallbackInfo& info);
void release(const Napi::CallbackInfo& info);
Napi::Value write(const Napi::CallbackInfo& info);
Napi::Value read(const Napi::CallbackInfo& info);

// products.cpp
void fence(const Napi::CallbackInfo& info);
Napi::Value ceiling(const Napi::CallbackInfo& info);
void matmul(const Napi::CallbackInfo& info);
void abort(const Napi::CallbackInfo& info);

}  // namespace w4a16::binding
