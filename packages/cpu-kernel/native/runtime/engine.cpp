#include "runtime/engine.h"

#include <new>

namespace w4a16 {

void MatmulOperation::run() {
  Failure inherited = x->failureIn(xRows);
  if (inherited.kind == Outcome::kDone && bias) inherited = bias->failureIn(biasRows);
  if (inherited.kind != Outcome::kDone) return out->settle(outRows, inherited);
  call.weight = &weight->view();
  call.x = x->memory.data() + xRows.offset;
  call.out = out->memory.data() + outRows.offset;
  call.bias = bias ? bias->memory.data() + biasRows.offset : nullptr;
  call.precision = engine->precision;
  Outcome outcome = Outcome::kAborted;
  if (!aborted) {
    try {
      outcome = runMatmul(call, engine->kernel, engine->pool, engine->workspace, aborted);
    } catch (const std::bad_alloc&) {
      outcome = Outcome::kOutOfMemory;
    }
  }
  out->settle(outRows, {outcome, id});
}

void WriteOperation::run() {
  copyIn(*storage, rows, bytes.data());
}

}  // namespace w4a16
