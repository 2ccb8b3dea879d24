// Host side of the portable fused kernel: which instantiation, its arguments, its launch.
#pragma once
#include <cuda_runtime_api.h>

#include <cstddef>

#include "bulk/tiles.hpp"

namespace w4a16::sm80 {

// Tables of instantiated kernels, [tile][grouping], one per activation type and direction.
using KernelTable = const void* [kTileCount][3];
extern KernelTable kFloat16Forward, kFloat16Transposed, kBFloat16Forward, kBFloat16Transposed;

// The kernels with copies in bulk, where the build has sm_90a: [tile][Coarse, Fine]; null where a
// tile has none.
using BulkTable = const void* [kTileCount][2];
extern BulkTable kBulkFloat16Forward, kBulkFloat16Transposed, kBulkBFloat16Forward,
    kBulkBFloat16Transposed;

// The compiled kernel for a problem. xType is Float16 or BFloat16.
const void* findKernel(DataType xType, int tile, Grouping grouping, bool transposed);

// Tiles of the output, and the scratch memory a split plan needs.
int64_t outputTiles(const FusedProblem& problem, int tile);
size_t workspaceBytes(const FusedProblem& problem, int tile, int splits);
size_t counterCount(const FusedProblem& problem, int tile, int splits);

// A stream's scratch memory for splits. Fixed, so that a launch never allocates.
constexpr size_t kWorkspaceBytes = 24 << 20;
constexpr size_t kWorkspaceCounters = 4096;
bool fitsWorkspace(const FusedProblem& problem, int tile, int splits);

// The architecture (times ten) whose code the current device runs: 800 where it is compiled from
// PTX.
cudaError_t compiledArch(int* arch);

// Whether this build has kernels with copies in bulk for a tile on `arch`; whether a launch uses
// them, which its activations decide too.
bool runsInBulk(const TileShape& tile, Grouping grouping, int arch);
bool launchesInBulk(const FusedProblem& problem, int tile, int arch);
// Whether the CTAs that split a tile are then a pair, which exchanges sums inside a cluster.
bool pairs(const TileShape& tile, Grouping grouping, int splits, int arch);

// Enqueues the product; `arch` is compiledArch() of the current device. M = 0 enqueues nothing.
cudaError_t launchFused(const FusedProblem& problem, const FusedPlan& plan, int arch,
                        cudaStream_t stream);

}  // namespace w4a16::sm80
