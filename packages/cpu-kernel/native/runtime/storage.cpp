#include "runtime/storage.h"

#include <algorithm>
#include <cstring>

namespace w4a16 {
namespace {

// Rows as a rectangle of the matrix that their storage is.
struct Rectangle {
  size_t top, bottom, left, right;

  Rectangle(const Rows& r, size_t stride)
      : top(r.offset / stride),
        bottom(top + r.count),
        left(r.offset % stride),
        right(left + r.rowBytes) {}
  bool holds(const Rectangle& r) const {
    return top <= r.top && r.bottom <= bottom && left <= r.left && r.right <= right;
  }
  bool meets(const Rectangle& r) const {
    return top < r.bottom && r.top < bottom && left < r.right && r.left < right;
  }
};

Rows around(const Rows& a, const Rows& b) {
  const Rectangle p(a, a.stride), q(b, a.stride);
  const size_t top = std::min(p.top, q.top), left = std::min(p.left, q.left);
  return {top * a.stride + left, std::max(p.right, q.right) - left, a.stride,
          std::max(p.bottom, q.bottom) - top};
}

}  // namespace

Failure Storage::failureIn(const Rows& rows) const {
  if (failure_.kind == Outcome::kDone || rows.empty()) return {};
  // A bias is one row of any matrix, and comes without its stride.
  const size_t stride = failed_.stride;
  return Rectangle(rows, stride).meets(Rectangle(failed_, stride)) ? failure_ : Failure{};
}

void Storage::settle(const Rows& rows, const Failure& failure) {
  if (rows.empty()) return;
  const bool before = failure_.kind != Outcome::kDone;
  const bool remains =
      before && !Rectangle(rows, rows.stride).holds(Rectangle(failed_, rows.stride));
  if (failure.kind != Outcome::kDone) {
    failed_ = remains ? around(rows, failed_) : rows;
    failure_ = failure;
  } else if (!remains) {
    failure_ = {};
  }
}

void copyIn(Storage& storage, const Rows& rows, const uint8_t* from) {
  storage.settle(rows, {});
  // Without elements there may be no memory either, and memcpy takes no null.
  if (rows.empty()) return;
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
  if (rows.empty()) return;
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
