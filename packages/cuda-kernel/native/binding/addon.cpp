#include "addon.hpp"

namespace w4a16::binding {

// Loads on a machine without a driver too: nothing here calls CUDA.
static Napi::Object init(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new Addon());
  exportDevices(exports);
  exportMemory(exports);
  exportProbes(exports);
  exportProducts(exports);
  exportStreams(exports);
  exportLayout(exports);
  return exports;
}

}  // namespace w4a16::binding

static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  return w4a16::binding::init(env, exports);
}
NODE_API_MODULE(w4a16_cuda, Init)
