// Memory of tensors, and which of their elements are not what an operation should have made of
// them.
#pragma once

#include "layout/aligned_buffer.h"
#include "runtime/matmul.h"

namespace w4a16 {

// Rows of bytes inside a storage. A tensor and its views share their stride.
struct Rows {
  size_t offset, rowBytes, stride, count;

  bool empty() const { return count == 0 || rowBytes == 0; }
};

struct Failure {
  Outcome kind = Outcome::kDone;
  uint64_t abortedId = 0;  // the operation that was aborted
};

// What failed is read and written in stream order only.
class Storage {
 public:
  AlignedBuffer memory;

  // Why some elements of `rows` are not what they should be, if any.
  Failure failureIn(const Rows& rows) const;
  // An operation on `rows` has ended: its failure is theirs, and what it has done repairs them.
  void settle(const Rows& rows, const Failure& failure);

 private:
  Failure failure_;
  Rows failed_{};  // a rectangle around all that failed, unless failure_ is none
};

void copyIn(Storage& storage, const Rows& rows, const uint8_t* from);
void copyOut(const Storage& storage, const Rows& rows, uint8_t* to);

}  // namespace w4a16
