// The layout functions on the host, for tests against the packing package.
#include "../layout/params.hpp"
#include "addon.hpp"

namespace w4a16::binding {
namespace {

// interchange codes, N, K, signed → packed bytes
Napi::Value packOnHost(const Napi::CallbackInfo& info) {
  const int64_t N = count(info, 1), K = count(info, 2);
  const bool isSigned = flag(info, 3);
  const uint8_t* codes = bytes(info, 0, static_cast<size_t>(K / 2 * N)).data;
  const layout::PackedExtent extent(N, K);
  Napi::Uint8Array packed = Napi::Uint8Array::New(info.Env(), static_cast<size_t>(extent.bytes()));
  for (int64_t n = 0; n < extent.tilesN * layout::kTileSize; n++)
    for (int64_t k = 0; k < extent.tilesK * layout::kTileSize; k++) {
      if ((n | k) & 8) continue;
      const uint16_t quad = layout::makeQuad(codes, n, k, N, K, isSigned);
      uint8_t* at = packed.Data() + extent.quadOffset(n, k);
      at[0] = static_cast<uint8_t>(quad), at[1] = static_cast<uint8_t>(quad >> 8);
    }
  return packed;
}

// packed bytes, N, K, n, k → the stored code
Napi::Value codeAt(const Napi::CallbackInfo& info) {
  const int64_t N = count(info, 1), K = count(info, 2), n = count(info, 3), k = count(info, 4);
  const layout::PackedExtent extent(N, K);
  const uint8_t* at =
      bytes(info, 0, static_cast<size_t>(extent.bytes())).data + extent.quadOffset(n, k);
  return Napi::Number::New(info.Env(), (at[0] | at[1] << 8) >> (4 * layout::quadNibble(n, k)) & 15);
}

}  // namespace

void exportLayout(Napi::Object exports) {
  exportFunction<packOnHost>(exports, "packOnHost");
  exportFunction<codeAt>(exports, "codeAt");
}

}  // namespace w4a16::binding
