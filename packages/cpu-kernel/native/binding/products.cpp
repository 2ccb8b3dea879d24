// Products in stream order: enqueued, awaited, aborted, and what the machine could do of them at
// most.
#include "binding/arguments.h"
#include "binding/exports.h"
#include "runtime/ceiling.h"

namespace w4a16::binding {
namespace {

struct FenceOperation final : ReportingOperation {
  void run() override { result.kind = Outcome::kDone; }
};

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

}  // namespace

// fence(engine, callback): called when everything enqueued so far has run.
void fence(const Napi::CallbackInfo& info) {
  auto operation = reportingTo<FenceOperation>(info[1]);
  engineAt(info, 0).enqueue(std::move(operation));
}

// ceiling(engine, dtype, cold, array, callback) → bytes that it reads. Measures in stream order;
// array: a Float64Array for bytes a second, operations a second.
Napi::Value ceiling(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  JsEngine& js = engineAt(info, 0);
  size_t length;
  uint8_t* to = bytesOf(info[3], &length);
  require(env, length == 2 * sizeof(double), "expected room for two numbers");
  auto operation = reportingTo<CeilingOperation>(info[4]);
  operation->engine = &js.engine();
  operation->type = dtypeAt(info, 1);
  operation->bytes = probeBytes(info[2].ToBoolean());
  operation->array = Napi::Reference<Napi::Value>::New(info[3], 1);
  operation->to = reinterpret_cast<double*>(to);
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
  const size_t reduction = call.transposed ? w.n : w.k, width = call.transposed ? w.k : w.n;
  const size_t xSize = bytesOf(call.xType), outSize = bytesOf(call.outType);
  op->xRows = {sizeAt(info, 5) * xSize, reduction * xSize, call.xStride * xSize, call.rows};
  op->outRows = {sizeAt(info, 9) * outSize, width * outSize, call.outStride * outSize, call.rows};
  bool inside = fits(op->x->memory.size(), op->xRows) && fits(op->out->memory.size(), op->outRows);
  if (!info[12].IsUndefined()) {
    op->bias = unwrap<Storage>(info[12]);
    call.biasType = dtypeAt(info, 14);
    const size_t size = bytesOf(call.biasType), bytes = width * size;
    op->biasRows = {sizeAt(info, 13) * size, bytes, bytes, 1};
    inside = inside && fits(op->bias->memory.size(), op->biasRows);
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

}  // namespace w4a16::binding
