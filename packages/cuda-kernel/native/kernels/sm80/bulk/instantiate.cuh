// Fills one table of the kernels with copies in bulk, for one activation type and direction.
#pragma once
#include "../launch.hpp"
#include "fused.cuh"

namespace w4a16::sm80 {

template <typename T, int TileIndex, Grouping G, bool Transposed>
const void* bulkEntry() {
  if constexpr (hasBulkKernel(kTiles[TileIndex], G))
    return reinterpret_cast<const void*>(&bulkKernel<T, TileIndex, G, Transposed>);
  else
    return nullptr;
}

}  // namespace w4a16::sm80

#define W4A16_BULK(T, transposed, tile)                \
  {bulkEntry<T, tile, Grouping::Coarse, transposed>(), \
   bulkEntry<T, tile, Grouping::Fine, transposed>()}

#define W4A16_BULK_TABLE(name, T, transposed)                                   \
  BulkTable name = {W4A16_BULK(T, transposed, 0), W4A16_BULK(T, transposed, 1), \
                    W4A16_BULK(T, transposed, 2), W4A16_BULK(T, transposed, 3), \
                    W4A16_BULK(T, transposed, 4), W4A16_BULK(T, transposed, 5), \
                    W4A16_BULK(T, transposed, 6), W4A16_BULK(T, transposed, 7), \
                    W4A16_BULK(T, transposed, 8), W4A16_BULK(T, transposed, 9)}
