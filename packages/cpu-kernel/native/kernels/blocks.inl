// Blocks: a group, cut so that its unpacked codes fit the first-level cache. The includer defines
// kBlockQuads. Included into an anonymous namespace.

size_t blocksPerGroup(const WeightView& w) {
  return (w.quadsPerGroup + kBlockQuads - 1) / kBlockQuads;
}

size_t blockCount(const WeightView& w) {
  return w.groups * blocksPerGroup(w);
}

// `quads` quads from `quad` on, all of one group.
struct Block {
  size_t index, group, quad, quads;
};

Block blockAt(const WeightView& w, size_t index) {
  const size_t perGroup = blocksPerGroup(w);
  const size_t group = index / perGroup, first = index % perGroup * kBlockQuads;
  const size_t left = w.quadsPerGroup - first;
  return {index, group, group * w.quadsPerGroup + first, left < kBlockQuads ? left : kBlockQuads};
}
