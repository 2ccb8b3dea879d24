// turned[lane][half][pair] = codes[pair][half][lane] for 2 × 16 columns of 8 pairs of quads, which
// lie 64 dwords apart.
void turnScalar(const uint32_t* codes, uint32_t* turned) {
  for (size_t i = 0; i < 16; i++) {
    const uint32_t* from = codes + i % 8 * 64 + i / 8 * 16;
    for (size_t lane = 0; lane < 16; lane++) turned[lane * 16 + i] = from[lane];
  }
}
