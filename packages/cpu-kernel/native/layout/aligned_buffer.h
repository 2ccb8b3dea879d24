// Memory aligned to a cache line, owned; allocation failure is reported, not thrown. Large buffers
// ask for huge pages: the transposed product strides through a weight, from page to page.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <utility>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace w4a16 {

class AlignedBuffer {
  static constexpr size_t kHugePage = size_t{2} << 20;

 public:
  AlignedBuffer() = default;
  AlignedBuffer(AlignedBuffer&& other) noexcept { swap(other); }
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    swap(other);
    return *this;
  }
  ~AlignedBuffer() { std::free(data_); }

  // Replaces the contents by `bytes` uninitialized bytes. False, and empty, if memory is short.
  bool reset(size_t bytes) {
    std::free(data_);
    data_ = nullptr;
    size_ = 0;
    if (bytes == 0) return true;
    const size_t alignment = bytes >= 4 * kHugePage ? kHugePage : 64;
    if (bytes > SIZE_MAX - alignment) return false;
    const size_t rounded = (bytes + alignment - 1) / alignment * alignment;
    data_ = static_cast<uint8_t*>(std::aligned_alloc(alignment, rounded));
    if (!data_) return false;
    size_ = bytes;
#if defined(__linux__)
    if (alignment == kHugePage) madvise(data_, rounded, MADV_HUGEPAGE);  // a hint
#endif
    return true;
  }

  // Makes room for `bytes`, keeping what is there already if it is enough.
  bool reserve(size_t bytes) { return bytes <= size_ || reset(bytes); }

  uint8_t* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  void swap(AlignedBuffer& other) {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
  }

  uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace w4a16
