import { expect, test } from "vitest";
import {
  allocate,
  contiguousLayout,
  type Device,
  elementCount,
  Handle,
  SharedStorage,
  type TensorArray,
  TensorBase,
  type TensorLayout,
  withData,
} from "../src/index.js";

test("memory is freed once, with the last of a tensor and its views", () => {
  const memory = new Memory();
  const tensor = memory.tensor([4, 8]);
  const rows = tensor.view({ rows: [1, 3] });
  const columns = rows.view({ columns: [0, 4] });
  tensor.dispose();
  rows.dispose();
  rows.dispose();
  expect(memory.freed).toBe(0);
  columns.dispose();
  expect(memory.freed).toBe(1);
});

test("a tensor whose data is refused holds nothing", () => {
  const memory = new Memory();
  expect(() => withData(memory.tensor([4]), new Float32Array(3))).toThrow(/expected/);
  expect(memory.freed).toBe(1);
});

test("a tensor of a disposed device is gone, and its memory with it", async () => {
  const memory = new Memory();
  const tensor = withData(memory.tensor([2]), Float32Array.of(1, 2));
  expect(await tensor.read()).toEqual(Float32Array.of(1, 2));
  memory.device.dispose();
  await expect(tensor.read()).rejects.toMatchObject({ code: "W4A16_DISPOSED" });
  expect(tensor.disposed).toBe(true);
  expect(memory.freed).toBe(1);
});

test("only what the class made is a handle", () => {
  expect(Handle.isHandle(new Memory().tensor([1]))).toBe(true);
  for (const other of [undefined, null, {}, Object.create(FakeTensor.prototype)]) {
    expect(Handle.isHandle(other)).toBe(false);
  }
});

/** What a tensor asks of its device: whether it is still open. */
class FakeDevice extends Handle {
  readonly backend = "fake";
  protected release(): void {}
}

class FakeTensor extends TensorBase<TensorArray, Device> {
  protected clone(storage: SharedStorage<TensorArray>, layout: TensorLayout): FakeTensor {
    return new FakeTensor(this.device, storage, layout);
  }

  protected store(elements: TensorArray): void {
    this.storage.memory.set(elements);
  }

  protected load(): TensorArray {
    return this.storage.memory;
  }
}

/** Counts what is freed of one device's contiguous float32 tensors. */
class Memory {
  freed = 0;
  readonly device = new FakeDevice() as unknown as Device;

  tensor(shape: readonly number[]): FakeTensor {
    const layout = contiguousLayout(shape, "float32");
    const elements = allocate("float32", elementCount(shape));
    const storage = new SharedStorage(elements, elements.byteLength, () => this.freed++);
    return new FakeTensor(this.device, storage, layout);
  }
}
