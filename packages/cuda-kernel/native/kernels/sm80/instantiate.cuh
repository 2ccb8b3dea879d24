// Fills one table of kernels: every tile with every grouping, for one activation type and
// direction.
#pragma once
#include "fused.cuh"
#include "launch.hpp"

#define W4A16_TILE(T, transposed, tile)                                                \
  {reinterpret_cast<const void*>(&fusedKernel<T, tile, Grouping::Coarse, transposed>), \
   reinterpret_cast<const void*>(&fusedKernel<T, tile, Grouping::Fine, transposed>),   \
   reinterpret_cast<const void*>(&fusedKernel<T, tile, Grouping::Element, transposed>)}

#define W4A16_KERNEL_TABLE(name, T, transposed)                                   \
  KernelTable name = {W4A16_TILE(T, transposed, 0), W4A16_TILE(T, transposed, 1), \
                      W4A16_TILE(T, transposed, 2), W4A16_TILE(T, transposed, 3), \
                      W4A16_TILE(T, transposed, 4), W4A16_TILE(T, transposed, 5), \
                      W4A16_TILE(T, transposed, 6), W4A16_TILE(T, transposed, 7), \
                      W4A16_TILE(T, transposed, 8), W4A16_TILE(T, transposed, 9)}
