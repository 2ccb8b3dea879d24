// Tensors and weights: made, released, written and read.
#include <cstring>

#include "binding/arguments.h"
#include "binding/exports.h"

namespace w4a16::binding {
namespace {

Rows rowsAt(const Napi::CallbackInfo& info, size_t i) {
  return {sizeAt(info, i), sizeAt(info, i + 1), sizeAt(info, i + 2), sizeAt(info, i + 3)};
}

struct ReadOperation final : ReportingOperation {
  std::shared_ptr<Storage> storage;
  Rows rows{};
  Napi::Reference<Napi::Value> array;  // keeps `to` alive
  uint8_t* to = nullptr;
  void run() override {
    result = storage->failureIn(rows);
    if (result.kind == Outcome::kDone) copyOut(*storage, rows, to);
  }
};

}  // namespace

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
    const Failure failure = storage->failureIn(rows);
    if (failure.kind == Outcome::kDone) copyOut(*storage, rows, to);
    Napi::Array result = Napi::Array::New(env, 2);
    result.Set(0u, Napi::Number::New(env, double(failure.kind)));
    result.Set(1u, Napi::Number::New(env, double(failure.abortedId)));
    return result;
  }
  auto operation = reportingTo<ReadOperation>(info[7]);
  operation->storage = storage;
  operation->rows = rows;
  operation->array = Napi::Reference<Napi::Value>::New(info[6], 1);
  operation->to = to;
  js.enqueue(std::move(operation));
  return env.Undefined();
}

}  // namespace w4a16::binding
