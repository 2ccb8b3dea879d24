// turned[lane][q] = codes[q][lane] for 16 lanes of 16 quads, which lie 32 dwords apart.
void turnScalar(const uint32_t* codes, uint32_t* turned) {
  for (size_t q = 0; q < kTileQuads; q++) {
    for (size_t lane = 0; lane < 16; lane++) turned[lane * kTileQuads + q] = codes[q * 32 + lane];
  }
}
