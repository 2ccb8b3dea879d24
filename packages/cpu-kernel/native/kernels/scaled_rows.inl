// Rows of the transposed paths that scale activations, once for each group of output columns:
// packed as those of the float32 path, which computes their exceptional rows. Included into an
// anonymous namespace, after float_path.inl.

// Bits of the largest magnitude of a packed row.
uint32_t largestPacked(const Job& job, size_t row) {
  uint32_t largest = 0;
  for (size_t block = 0; block < job.weight->nTiles; block++) {
    const uint32_t magnitude = largestMagnitude(floatsOf(job, block, row), kTile);
    largest = magnitude > largest ? magnitude : largest;
  }
  return largest;
}

// The group of an output tile's columns.
size_t groupOf(const WeightView& w, size_t tile) {
  return tile * kTileQuads / w.quadsPerGroup;
}

// Packing takes the scratch of the float32 path, computing a Scratch.
template <class Scratch>
size_t scaledScratchBytes(const WeightView& w, bool transposed) {
  const size_t packing = floatScratchBytes(w, transposed);
  return packing > sizeof(Scratch) ? packing : sizeof(Scratch);
}

constexpr Path scaledPath(const char* name, decltype(Path::scratchBytes) scratchBytes,
                          decltype(Path::pack) pack, decltype(Path::compute) compute) {
  return {name, false, true, floatPackedBytes, scratchBytes, pack, compute, nullptr, nullptr};
}
