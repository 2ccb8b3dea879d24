/** Files that are often taken for a checkpoint, known by their first bytes. */
import { CheckpointError, clip } from "../errors.js";

const SAVE = "Save its tensors with the safetensors library: safetensors.torch.save_file.";

const KINDS: ReadonlyArray<readonly [start: string, kind: string, fix: string]> = [
  ["PK\x03\x04", "a zip archive, as torch.save writes", SAVE],
  ["\x80\x02", "a Python pickle, as torch.save writes", SAVE],
  ["\x89HDF", "an HDF5 file", "Save its tensors as safetensors."],
  ["\x08\x08\x12", "an ONNX model", "Name the checkpoint that it was made from."],
  ["\x1f\x8b", "a gzip archive", "Unpack it first."],
  ["version https://git-lfs", "a Git LFS pointer", "Fetch the file itself: git lfs pull."],
  ["<", "a web page", "Download the file itself, not the page about it."],
];

/** Bytes that `refuseOtherKind` looks at. */
export const KIND_BYTES = 32;

/** Throws `W4A16_UNKNOWN_CONTAINER` for the first bytes of such a file. */
export function refuseOtherKind(path: string, first: Uint8Array): void {
  // A safetensors file may begin with any number, but then comes its JSON.
  if (first[8] === 0x7b) return;
  const text = String.fromCharCode(...first);
  const found = KINDS.find(([start]) => text.startsWith(start));
  if (!found) return;
  throw new CheckpointError({
    code: "W4A16_UNKNOWN_CONTAINER",
    subject: clip(path, 400),
    expected: "a safetensors or GGUF file",
    received: found[1],
    fix: found[2],
  });
}
