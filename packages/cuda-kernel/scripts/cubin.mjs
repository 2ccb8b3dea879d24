// Reads what a cubin says of its kernels, without NVIDIA's tools (cuobjdump is not part of every
// installation): a 64-bit little-endian ELF file with one section .text.NAME a kernel, whose
// instructions are 16 bytes each, the operation in the lowest 9 bits.

/** The operation's lowest 9 bits; those above tell kinds of operands apart. */
const OPERATIONS = new Map([
  [0x03c, "HMMA"], // mma.sync of 16-bit types
  [0x1f0, "HGMMA"], // wgmma of 16-bit types
  [0x183, "LDL"], // local memory: spills and arrays that are not in registers
  [0x187, "STL"],
]);
const INSTRUCTION_BYTES = 16;

/** @returns of each kernel: its name, and how often each of OPERATIONS occurs. */
export function readCubin(bytes) {
  return sectionsOf(bytes)
    .filter(({ name }) => name.startsWith(".text."))
    .map(({ name, offset, size }) => {
      const counts = Object.fromEntries(
        [...OPERATIONS.values()].map((operation) => [operation, 0]),
      );
      for (let at = offset; at < offset + size; at += INSTRUCTION_BYTES) {
        const operation = OPERATIONS.get(bytes.readUInt16LE(at) & 0x1ff);
        if (operation) counts[operation]++;
      }
      return { name: name.slice(".text.".length), ...counts };
    });
}

function sectionsOf(bytes) {
  if (bytes.readUInt32BE(0) !== 0x7f454c46) throw new Error("not an ELF file");
  const table = Number(bytes.readBigUInt64LE(0x28));
  const entry = bytes.readUInt16LE(0x3a);
  const count = bytes.readUInt16LE(0x3c);
  const names = bytes.readUInt16LE(0x3e);
  const raw = Array.from({ length: count }, (_, i) => {
    const at = table + i * entry;
    return {
      name: bytes.readUInt32LE(at),
      offset: Number(bytes.readBigUInt64LE(at + 0x18)),
      size: Number(bytes.readBigUInt64LE(at + 0x20)),
    };
  });
  const start = raw[names].offset;
  return raw.map((section) => {
    const at = start + section.name;
    return { ...section, name: bytes.toString("latin1", at, bytes.indexOf(0, at)) };
  });
}
