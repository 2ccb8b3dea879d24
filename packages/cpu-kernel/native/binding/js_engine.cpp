#include "binding/js_engine.h"

namespace w4a16::binding {

JsEngine::JsEngine(const Kernel& kernel, size_t threads, Precision precision)
    : engine_(std::make_unique<Engine>(kernel, threads, precision, [this] {
        napi_call_threadsafe_function(reports_, nullptr, napi_tsfn_nonblocking);
      })) {}

std::shared_ptr<JsEngine> JsEngine::open(Napi::Env env, const Kernel& kernel, size_t threads,
                                         Precision precision) {
  std::shared_ptr<JsEngine> engine(new JsEngine(kernel, threads, precision));
  engine->startReports(env);
  return engine;
}

// Where no handle could be made for an engine, as in a worker that is being terminated, nobody else
// closes it before its environment ends.
JsEngine::~JsEngine() {
  if (env_) close(env_, false);
}

void JsEngine::startReports(Napi::Env env) {
  // The queue may outlive the engine, so it holds it weakly.
  auto self = std::make_unique<std::weak_ptr<JsEngine>>(weak_from_this());
  const auto deliver = [](napi_env env, napi_value, void* context, void*) {
    if (!env) return;  // the environment is going away
    auto engine = static_cast<std::weak_ptr<JsEngine>*>(context)->lock();
    if (!engine) return;
    try {
      engine->deliverReports(env);
    } catch (const Napi::Error&) {
      // Thrown where a worker is being terminated: nobody waits any more.
    }
  };
  const auto finalize = [](napi_env, void* data, void*) {
    delete static_cast<std::weak_ptr<JsEngine>*>(data);
  };
  const napi_status status = napi_create_threadsafe_function(
      env, nullptr, nullptr, Napi::String::New(env, "w4a16 cpu reports"), 0, 1, self.get(),
      finalize, self.get(), deliver, &reports_);
  if (status != napi_ok) throw Napi::Error::New(env, "could not create a report queue");
  self.release();
  napi_unref_threadsafe_function(env, reports_);
  // The environment may end at any time: a worker can be terminated in the middle of a call. Hooks
  // run last in, first out, so this one stops the stream before the report queue's own hook frees
  // what the stream's thread calls.
  env_ = env;
  napi_add_env_cleanup_hook(env, closeAtExit, this);
}

void JsEngine::closeAtExit(void* engine) {
  auto* self = static_cast<JsEngine*>(engine);
  self->close(self->env_, false);
}

void JsEngine::enqueue(std::unique_ptr<Operation> operation) {
  if (operation->reports) {
    auto& reporting = static_cast<ReportingOperation&>(*operation);
    if (due_++ == 0) napi_ref_threadsafe_function(reporting.callback.Env(), reports_);
  }
  engine_->stream.enqueue(std::move(operation));
}

void JsEngine::deliverReports(Napi::Env env) {
  for (auto& operation : engine_->stream.takeReports()) {
    Napi::HandleScope scope(env);
    auto& reporting = static_cast<ReportingOperation&>(*operation);
    if (--due_ == 0 && !closed_) napi_unref_threadsafe_function(env, reports_);
    const napi_value arguments[] = {Napi::Number::New(env, double(reporting.result.kind)),
                                    Napi::Number::New(env, double(reporting.result.abortedId))};
    // The callbacks do not throw. A worker being terminated refuses to run any: then nobody waits.
    napi_call_function(env, env.Undefined(), reporting.callback.Value(), 2, arguments, nullptr);
  }
}

void JsEngine::close(Napi::Env env, bool report) {
  if (closed_) return;
  closed_ = true;
  napi_remove_env_cleanup_hook(env, closeAtExit, this);
  engine_->stream.stop();
  if (report) deliverReports(env);
  engine_->stream.takeReports();  // drops what is left while references may still be deleted
  napi_release_threadsafe_function(reports_, napi_tsfn_abort);
}

}  // namespace w4a16::binding
