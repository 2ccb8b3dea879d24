// The JavaScript side of the native code: thin functions over handles. src/native.ts declares them;
// arguments were checked there, and are checked here only as far as memory safety needs. Here: the
// list of all, and those of the machine and its engines.
#include <napi.h>

#include <algorithm>

#include "binding/arguments.h"
#include "binding/exports.h"

namespace w4a16::binding {
namespace {

// info() → { model, cpus, kernels: [{ name, supported }] }
Napi::Value info(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Napi::Object result = Napi::Object::New(env);
  Napi::Array list = Napi::Array::New(env);
  for (const Kernel& kernel : kernels()) {
    Napi::Object entry = Napi::Object::New(env);
    entry["name"] = Napi::String::New(env, kernel.name);
    entry["supported"] = Napi::Boolean::New(env, kernel.supported);
    list.Set(list.Length(), entry);
  }
  result["model"] = Napi::String::New(env, cpuModel());
  result["cpus"] = Napi::Number::New(env, double(availableCpus()));
  result["kernels"] = list;
  return result;
}

// openEngine(kernel, threads, bfloat16) → engine
Napi::Value openEngine(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const std::string name = info[0].As<Napi::String>();
  for (const Kernel& kernel : kernels()) {
    if (name != kernel.name || !kernel.supported) continue;
    const bool bfloat16 = info[2].ToBoolean();
    auto engine = JsEngine::open(env, kernel, std::clamp<size_t>(sizeAt(info, 1), 1, 1024),
                                 bfloat16 ? Precision::kBFloat16 : Precision::kActivations);
    return makeHandle<JsEngine>(env, engine);
  }
  throw Napi::Error::New(env, "no such kernel");
}

// closeEngine(engine)
void closeEngine(const Napi::CallbackInfo& info) {
  Box<JsEngine>& box = boxOf<JsEngine>(info[0]);
  if (!box.object) return;
  std::shared_ptr<JsEngine> engine = std::move(box.object);
  engine->close(info.Env(), true);
}

// heldBytes(engine) → [weights, tensors]
Napi::Value heldBytes(const Napi::CallbackInfo& info) {
  const Ledger& ledger = *engineAt(info, 0).engine().ledger;
  Napi::Array pair = Napi::Array::New(info.Env(), 2);
  pair.Set(0u, Napi::Number::New(info.Env(), double(ledger.weights)));
  pair.Set(1u, Napi::Number::New(info.Env(), double(ledger.tensors)));
  return pair;
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  const auto set = [&](const char* name, auto function) {
    exports.Set(name, Napi::Function::New(env, function, name));
  };
  set("info", info);
  set("openEngine", openEngine);
  set("closeEngine", closeEngine);
  set("heldBytes", heldBytes);
  set("createStorage", createStorage);
  set("loadWeight", loadWeight);
  set("release", release);
  set("write", write);
  set("read", read);
  set("fence", fence);
  set("ceiling", ceiling);
  set("matmul", matmul);
  set("abort", abort);
  return exports;
}

}  // namespace

NODE_API_MODULE(w4a16_cpu, init)

}  // namespace w4a16::binding
