#include "runtime/engine.h"

#include <cstring>
#include <new>

namespace w4a16 {
namespace {

// Without elements there may be no memory either, and memcpy takes no null.
bool isEmpty(const Rows& rows) {
  return rows.count == 0 || rows.rowBytes == 0;
}

}  // namespace

void MatmulOperation::run() {
  const Failure& inherited =
      x->failure.kind != Outcome::kDone || !bias ? x->failure : bias->failure;
  if (inherited.kind != Outcome::kDone) {
    out->failure = inherited;
    return;
  }
  call.weight = &weight->view();
  call.x = x->memory.data() + xOffset;
  call.out = out->memory.data() + outOffset;
  call.bias = bias ? bias->memory.data() + biasOffset : nullptr;
  call.precision = engine->precision;
  Outcome outcome = Outcome::kAborted;
  if (!aborted) {
    try {
      outcome = runMatmul(call, engine->kernel, engine->pool, engine->workspace, aborted);
    } catch (const std::bad_alloc&) {
      outcome = Outcome::kOutOfMemory;
    }
  }
  out->failure = {outcome, id};
}

void WriteOperation::run() {
  copyIn(*storage, rows, bytes.data());
}

void copyIn(Storage& storage, const Rows& rows, const uint8_t* from) {
  storage.failure = {};
  if (isEmpty(rows)) return;
  uint8_t* to = storage.memory.data() + rows.offset;
  if (rows.stride == rows.rowBytes) {
    std::memcpy(to, from, rows.count * rows.rowBytes);
    return;
  }
  for (size_t i = 0; i < rows.count; i++) {
    std::memcpy(to + i * rows.stride, from + i * rows.rowBytes, rows.rowBytes);
  }
}

void copyOut(const Storage& storage, const Rows& rows, uint8_t* to) {
  if (isEmpty(rows)) return;
  const uint8_t* from = storage.memory.data() + rows.offset;
  if (rows.stride == rows.rowBytes) {
    std::memcpy(to, from, rows.count * rows.rowBytes);
    return;
  }
  for (size_t i = 0; i < rows.count; i++) {
    std::memcpy(to + i * rows.rowBytes, from + i * rows.stride, rows.rowBytes);
  }
}

}  // namespace w4a16
