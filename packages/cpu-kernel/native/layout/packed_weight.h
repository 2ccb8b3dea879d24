// The kernel's own layout of a weight, one copy for both products.
//
// Codes are nibbles 0..15 (s4 codes are stored plus 8). N is cut into tiles of 64 columns, K into
// quads of 4 neighbours, and those into pairs; a group starts a new pair, so that G need not be a
// multiple of 8. A tile's pair is 256 bytes: four vectors of 16 dwords, for 16 columns each. A
// column's dword holds in byte b the b-th rows of both quads: low nibble the first, high nibble the
// second.
//
//  - forward, vpdpbusd: a mask gives 16 columns × 4 rows of bytes, the shape it multiplies;
//  - forward, vdpbf16ps: the words' nibbles give 16 columns × rows (0, 2) or (1, 3) of a quad;
//  - transposed, vpdpbusd: a byte's two codes have the same factor, so that whole bytes may be
//    multiplied and the low nibbles' part be taken away from their sums;
//  - transposed, float: turning 8 pairs × 16 lanes of dwords puts rows into the lanes.
#pragma once

#include "kernels/job.h"
#include "layout/aligned_buffer.h"
#include "runtime/thread_pool.h"

namespace w4a16 {

// A weight as the product exchanges it: row interleave.
struct Int4Source {
  size_t n, k, groupSize;
  bool isSigned;
  const uint8_t* packed;  // [K/2, N]: low nibble row 2i of Wᵀ, high nibble row 2i + 1
  const float* scales;    // [K/G, N]
  const float* zeros;     // [K/G, N]
};

class PackedWeight {
 public:
  // False if memory is short.
  bool pack(const Int4Source& source, ThreadPool& pool);

  const WeightView& view() const { return view_; }
  size_t bytes() const { return codes_.size() + parameters_.size() + exceptional_.size(); }

 private:
  WeightView view_{};
  AlignedBuffer codes_;
  AlignedBuffer parameters_;
  AlignedBuffer exceptional_;
};

}  // namespace w4a16
