// What this machine does at most, measured: how fast a kernel's multiply-add instruction runs, and
// how fast memory or the last-level cache is read, on all threads of a pool.
#pragma once

#include "runtime/kernel_set.h"
#include "runtime/thread_pool.h"

namespace w4a16 {

// Multiplications and additions a second that forward products of `x` could do if nothing but the
// instruction counted. The best of about 0.1 s of attempts.
double multiplyAddPeak(const Kernel&, ThreadPool&, DType x, Precision);

// Bytes to read: many times what the last-level cache holds (cold), or half of it.
size_t probeBytes(bool cold);

// Bytes a second read of a fresh buffer of so many bytes; 0 if memory is short. The best of about
// 0.3 s of passes.
double readBandwidth(const Kernel&, ThreadPool&, size_t bytes);

}  // namespace w4a16
