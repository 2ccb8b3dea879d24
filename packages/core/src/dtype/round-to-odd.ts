/** From a double to a 16-bit number by way of float32, without rounding twice. */
const f32 = new Float32Array(1);
const u32 = new Uint32Array(f32.buffer);

/**
 * A double rounded to odd: itself where it is a float32 value, else the float32 neighbour
 * with an odd last bit. That bit stands for the part cut off, so the next rounding to a
 * format with at least two bits less is as if from the double (S. Boldo and G. Melquiond,
 * "Emulation of FMA and correctly rounded sums: proved algorithms using rounding to odd",
 * IEEE Trans. Computers 57, 2008).
 */
export function roundToOdd(value: number): number {
  f32[0] = value;
  const rounded = f32[0]!;
  if (rounded === value || Number.isNaN(value)) return rounded;
  if (Math.abs(rounded) > Math.abs(value)) u32[0]! -= 1;
  u32[0]! |= 1;
  return f32[0]!;
}
