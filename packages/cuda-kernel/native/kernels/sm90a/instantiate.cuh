// Fills one table of kernels: every shape, with one or two parameter rows to 64 of K, for one
// activation type, direction and encoding of the parameters.
#pragma once
#include <utility>

#include "launch.hpp"
#include "pair.cuh"
#include "whole.cuh"

namespace w4a16::sm90a {

template <typename T, bool Transposed, Encoding Form, int ShapeIndex, int Units>
const void* kernelOf() {
  if constexpr (kShapes[ShapeIndex].family == Family::Pair)
    return reinterpret_cast<const void*>(&pairKernel<T, ShapeIndex, Units, Form, Transposed>);
  else
    return reinterpret_cast<const void*>(&wholeKernel<T, ShapeIndex, Units, Form, Transposed>);
}

template <typename T, bool Transposed, Encoding Form, int... ShapeIndex>
KernelTable makeTable(std::integer_sequence<int, ShapeIndex...>) {
  return {{{kernelOf<T, Transposed, Form, ShapeIndex, 1>(),
            kernelOf<T, Transposed, Form, ShapeIndex, 2>()}...}};
}
template <typename T, bool Transposed, Encoding Form>
KernelTable makeTable() {
  return makeTable<T, Transposed, Form>(std::make_integer_sequence<int, kShapeCount>{});
}

}  // namespace w4a16::sm90a
