// The JavaScript side of the native code: thin functions over handles. src/native.ts declares them;
// arguments were checked there, and are checked here only as far as memory safety needs.
#include <napi.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "binding/handle.h"
#include "binding/js_engine.h"
#include "runtime/ceiling.h"

namespace w4a16::binding {
namespace {

size_t sizeAt(const Napi::CallbackInfo& info, size_t i) {
  return size_t(std::max<int64_t>(0, info[i].As<Napi::Number>().Int64Value()));
}

DType dtypeAt(const Napi::CallbackInfo& info, size_t i) {
  return DType(std::min<uint32_t>(2, info[i].As<Napi::Number>().Uint32Value()));
}

size_t bytesOf(DType type) {
  return type == DType::kFloat32 ? 4 : 2;
}

JsEngine& engineAt(const Napi::CallbackInfo& info, size_t i) {
  const std::shared_ptr<JsEngine>& engine = unwrap<JsEngine>(info[i]);
  if (engine->closed()) throw Napi::Error::New(info.Env(), "this native engine was closed");
  return *engine;
}

void require(Napi::Env env, bool condition, const char* what) {
  if (!condition) throw Napi::RangeError::New(env, what);
}

// Whether `count` rows of `rowBytes`, `stride` apart from `offset` on, lie inside `size` bytes.
bool fits(size_t size, const Rows& r) {
  if (r.count == 0 || r.rowBytes == 0) return true;
  const double last =
      double(r.offset) + double(r.count - 1) * double(r.stride) + double(r.rowBytes);
  return last <= double(size);
}

// By the array and not by its buffer, which may be shared among threads and then is no ArrayBuffer.
uint8_t* bytesOf(Napi::Value value, size_t* length) {
  require(value.Env(), value.IsTypedArray(), "expected a typed array");
  *length = value.As<Napi::TypedArray>().ByteLength();
  void* data = nullptr;
  napi_get_typedarray_info(value.Env(), value, nullptr, nullptr, &data, nullptr, nullptr);
  return static_cast<uint8_t*>(data);
}

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

// createStorage(engine, bytes, zero) → storage, or undefined if memory is short
Napi::Value createStorage(const Napi::CallbackInfo& info) {
  const size_t bytes = sizeAt(info, 1);
  auto storage = std::make_shared<Storage>();
  if (!storage->memory.reset(bytes)) return info.Env().Undefined();
  if (info[2].ToBoolean() && bytes > 0) std::memset(storage->memory.data(), 0, bytes);
  return makeHandle<Storage>(info.Env(), storage, engineAt(info, 0).engine().ledger,
                             &Ledger::tensors, int64_t(bytes));
}

// loadWeight(engine, n, k, groupSize, signed, packed, scales, zeros) → weight, or undefined
Napi::Value loadWeight(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Engine& engine = engineAt(info, 0).engine();
  Int4Source source{};
  source.n = sizeAt(info, 1);
  source.k = sizeAt(info, 2);
  source.groupSize = sizeAt(info, 3);
  source.isSigned = info[4].ToBoolean();
  require(env, source.n && source.k && source.groupSize && source.k % source.groupSize == 0,
          "not a weight's shape");
  size_t codes, scales, zeros;
  source.packed = bytesOf(info[5], &codes);
  source.scales = reinterpret_cast<const float*>(bytesOf(info[6], &scales));
  source.zeros = reinterpret_cast<const float*>(bytesOf(info[7], &zeros));
  const size_t parameters = source.k / source.groupSize * source.n * sizeof(float);
  require(env, codes == source.k / 2 * source.n && scales == parameters && zeros == parameters,
          "a weight's array has the wrong length");
  auto weight = std::make_shared<PackedWeight>();
  if (!weight->pack(source, engine.pool)) return env.Undefined();
  return makeHandle<PackedWeight>(env, weight, engine.ledger, &Ledger::weights,
                                  int64_t(weight->bytes()));
}

// release(handle of a storage or weight)
void release(const Napi::CallbackInfo& info) {
  if (isHandle<Storage>(info[0])) return boxOf<Storage>(info[0]).release(info.Env());
  boxOf<PackedWeight>(info[0]).release(info.Env());
}

Rows rowsAt(const Napi::CallbackInfo& info, size_t i) {
  return {sizeAt(info, i), sizeAt(info, i + 1), sizeAt(info, i + 2), sizeAt(info, i + 3)};
}

// write(engine, storage, offset, rowBytes, stride, rows, array) → false if memory is short
Napi::Value write(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  JsEngine& js = engineAt(info, 0);
  const std::shared_ptr<Storage>& storage = unwrap<Storage>(info[1]);
  const Rows rows = rowsAt(info, 2);
  size_t length;
  const uint8_t* from = bytesOf(info[6], &length);
  require(env, fits(storage->memory.size(), rows) && length == rows.rowBytes * rows.count,
          "write out of range");
  if (js.engine().stream.idle()) {
    copyIn(*storage, rows, from);
    return Napi::Boolean::New(env, true);
  }
  auto operation = std::make_unique<WriteOperation>();
  if (!operation->bytes.reset(length)) return Napi::Boolean::New(env, false);
  if (length > 0) std::memcpy(operation->bytes.data(), from, length);
  operation->storage = storage;
  operation->rows = rows;
  js.enqueue(std::move(operation));
  return Napi::Boolean::New(env, true);
}

struct ReadOperation final : ReportingOperation {
  std::shared_ptr<Storage> storage;
  Rows rows{};
  Napi::Reference<Napi::Value> array;  // keeps `to` alive
  uint8_t* to = nullptr;
  void run() override {
    result = storage->failure;
    if (result.kind == Outcome::kDone) copyOut(*storage, rows, to);
  }
};

// read(engine, storage, offset, rowBytes, stride, rows, array, callback | undefined)
//   → [outcome, abortedId] if that is known at once, else undefined, and callback is called later.
// Without a callback, waits for the stream.
Napi::Value read(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  JsEngine& js = engineAt(info, 0);
  const std::shared_ptr<Storage>& storage = unwrap<Storage>(info[1]);
  const Rows rows = rowsAt(info, 2);
  size_t length;
  uint8_t* to = bytesOf(info[6], &length);
  require(env, fits(storage->memory.size(), rows) && length == rows.rowBytes * rows.count,
          "read out of range");
  const bool waits = !info[7].IsFunction();
  if (waits) js.engine().stream.drain();
  if (waits || js.engine().stream.idle()) {
    if (storage->failure.kind == Outcome::kDone) copyOut(*storage, rows, to);
    Napi::Array result = Napi::Array::New(env, 2);
    result.Set(0u, Napi::Number::New(env, double(storage->failure.kind)));
    result.Set(1u, Napi::Number::New(env, double(storage->failure.abortedId)));
    return result;
  }
  auto operation = std::make_unique<ReadOperation>();
  operation->reports = true;
  operation->callback = Napi::Persistent(info[7].As<Napi::Function>());
  operation->result.kind = Outcome::kClosed;
  operation->storage = storage;
  operation->rows = rows;
  operation->array = Napi::Reference<Napi::Value>::New(info[6], 1);
  operation->to = to;
  js.enqueue(std::move(operation));
  return env.Undefined();
}

struct FenceOperation final : ReportingOperation {
  void run() override { result.kind = Outcome::kDone; }
};

// fence(engine, callback): called when everything enqueued so far has run.
void fence(const Napi::CallbackInfo& info) {
  auto operation = std::make_unique<FenceOperation>();
  operation->reports = true;
  operation->callback = Napi::Persistent(info[1].As<Napi::Function>());
  operation->result.kind = Outcome::kClosed;
  engineAt(info, 0).enqueue(std::move(operation));
}

struct CeilingOperation final : ReportingOperation {
  Engine* engine = nullptr;
  DType type{};
  size_t bytes = 0;
  Napi::Reference<Napi::Value> array;  // keeps `to` alive
  double* to = nullptr;
  void run() override {
    to[0] = readBandwidth(engine->kernel, engine->pool, bytes);
    to[1] = multiplyAddPeak(engine->kernel, engine->pool, type, engine->precision);
    result.kind = to[0] > 0 ? Outcome::kDone : Outcome::kOutOfMemory;
  }
};

// ceiling(engine, dtype, cold, array, callback) → bytes that it reads. Measures in stream order;
// array: a Float64Array for bytes a second, operations a second.
Napi::Value ceiling(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  JsEngine& js = engineAt(info, 0);
  size_t length;
  uint8_t* to = bytesOf(info[3], &length);
  require(env, length == 2 * sizeof(double), "expected room for two numbers");
  auto operation = std::make_unique<CeilingOperation>();
  operation->engine = &js.engine();
  operation->type = dtypeAt(info, 1);
  operation->bytes = probeBytes(info[2].ToBoolean());
  operation->array = Napi::Reference<Napi::Value>::New(info[3], 1);
  operation->to = reinterpret_cast<double*>(to);
  operation->reports = true;
  operation->callback = Napi::Persistent(info[4].As<Napi::Function>());
  operation->result.kind = Outcome::kClosed;
  const double bytes = double(operation->bytes);
  js.enqueue(std::move(operation));
  return Napi::Number::New(env, bytes);
}

// matmul(engine, weight, transposed, rows,
//        x, xOffset, xStride, xType, out, outOffset, outStride, outType,
//        bias | undefined, biasOffset, biasType, id, wait)
// Offsets and strides in elements. Enqueues, or, with `wait`, runs on this thread after what is
// enqueued. The outcome is out's to tell.
void matmul(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  JsEngine& js = engineAt(info, 0);
  auto op = std::make_unique<MatmulOperation>();
  op->engine = &js.engine();
  op->weight = unwrap<PackedWeight>(info[1]);
  const WeightView& w = op->weight->view();
  Matmul& call = op->call;
  call.transposed = info[2].ToBoolean();
  call.rows = sizeAt(info, 3);
  call.xStride = sizeAt(info, 6);
  call.xType = dtypeAt(info, 7);
  call.outStride = sizeAt(info, 10);
  call.outType = dtypeAt(info, 11);
  op->x = unwrap<Storage>(info[4]);
  op->out = unwrap<Storage>(info[8]);
  op->xOffset = sizeAt(info, 5) * bytesOf(call.xType);
  op->outOffset = sizeAt(info, 9) * bytesOf(call.outType);
  const size_t reduction = call.transposed ? w.n : w.k, width = call.transposed ? w.k : w.n;
  const size_t xSize = bytesOf(call.xType), outSize = bytesOf(call.outType);
  bool inside = fits(op->x->memory.size(),
                     {op->xOffset, reduction * xSize, call.xStride * xSize, call.rows}) &&
                fits(op->out->memory.size(),
                     {op->outOffset, width * outSize, call.outStride * outSize, call.rows});
  if (!info[12].IsUndefined()) {
    op->bias = unwrap<Storage>(info[12]);
    call.biasType = dtypeAt(info, 14);
    op->biasOffset = sizeAt(info, 13) * bytesOf(call.biasType);
    const size_t bytes = width * bytesOf(call.biasType);
    inside = inside && fits(op->bias->memory.size(), {op->biasOffset, bytes, bytes, 1});
  }
  require(env, inside, "matmul out of range");
  op->id = uint64_t(sizeAt(info, 15));
  if (!info[16].ToBoolean()) {
    js.enqueue(std::move(op));
    return;
  }
  js.engine().stream.drain();
  op->run();
}

// abort(engine, id)
void abort(const Napi::CallbackInfo& info) {
  engineAt(info, 0).engine().stream.abort(uint64_t(sizeAt(info, 1)));
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
