// An engine as seen from one JavaScript environment: reports from the stream's thread arrive as
// callbacks on the event loop, which they keep alive only while some are due.
#pragma once

#include <napi.h>

#include <memory>

#include "runtime/engine.h"

namespace w4a16::binding {

// An operation whose end a JavaScript function hears of: callback(outcome, abortedId).
struct ReportingOperation : Operation {
  Napi::FunctionReference callback;
  Failure result;
};

class JsEngine : public std::enable_shared_from_this<JsEngine> {
 public:
  static std::shared_ptr<JsEngine> open(Napi::Env env, const Kernel& kernel, size_t threads,
                                        Precision precision);
  ~JsEngine();

  Engine& engine() { return *engine_; }
  bool closed() const { return closed_; }

  void enqueue(std::unique_ptr<Operation> operation);
  // Stops the stream. With `report`, operations that never ran report that the device was closed;
  // without, nothing more is reported.
  void close(Napi::Env env, bool report);

 private:
  explicit JsEngine(const Kernel& kernel, size_t threads, Precision precision);
  void startReports(Napi::Env env);
  static void closeAtExit(void* engine);
  void deliverReports(Napi::Env env);

  napi_env env_ = nullptr;
  napi_threadsafe_function reports_ = nullptr;
  size_t due_ = 0;  // reports not delivered yet; only touched on the JavaScript thread
  bool closed_ = false;
  std::unique_ptr<Engine> engine_;
};

}  // namespace w4a16::binding
