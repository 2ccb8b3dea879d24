/** The checks every device makes before a product, so that all refuse alike. */
import { type DType, requireDType } from "../dtype/dtype.js";
import {
  ArgumentError,
  DeviceError,
  describeValue,
  requireOptions,
  throwIfAborted,
} from "../errors.js";
import type { Direction } from "./direction.js";
import { Handle } from "./handle.js";
import type { Device, DeviceTensor, DeviceWeight, MatmulOptions } from "./types.js";

/** A tensor of a device's own class, as {@link TensorBase} provides it. */
export interface OperandTensor extends DeviceTensor {
  /** Product of the leading dimensions. */
  readonly rows: number;
  /** The last dimension. */
  readonly cols: number;
  /** The same object in tensors that share elements. */
  readonly storage: unknown;
  /** @throws DeviceError `W4A16_DISPOSED` if the tensor or its device is gone. */
  requireUsable(): void;
}

/** Operands of one product, checked: x [M, reduction] → out [M, width]. */
export interface Operands<Tensor> {
  readonly x: Tensor;
  readonly bias: Tensor | undefined;
  readonly out: Tensor | undefined;
  /** M, the product of the leading dimensions of x. */
  readonly m: number;
  /** The dimension summed over: K forward, N transposed. */
  readonly reduction: number;
  /** The output's last dimension: N forward, K transposed. */
  readonly width: number;
  /** Shape and format of `out`, or of the tensor to make where there is none. */
  readonly outShape: readonly number[];
  readonly outDtype: DType;
}

const OPTIONS: readonly string[] = ["out", "outDtype", "bias", "signal"];
/** With a device's own: by the list that it passes on every call. */
const EXTENDED = new WeakMap<readonly string[], readonly string[]>();

/** {@link OPTIONS} and `more`. Kept, because every product asks for it. */
function knownOptions(more: readonly string[] | undefined): readonly string[] {
  if (more === undefined) return OPTIONS;
  let known = EXTENDED.get(more);
  if (!known) {
    known = [...OPTIONS, ...more];
    EXTENDED.set(more, known);
  }
  return known;
}

/**
 * Checks the operands of `weight.matmul(x, options)` or `matmulTransposed`.
 *
 * @param tensorClass the device's own tensor class: an object of any other is refused.
 * @param moreOptions names of options that the device adds to {@link MatmulOptions}; the same
 * array on every call.
 * @throws ArgumentError, DeviceError or AbortedError.
 */
export function requireOperands<Tensor extends OperandTensor>(
  direction: Direction,
  weight: Pick<DeviceWeight, "device" | "inFeatures" | "outFeatures">,
  tensorClass: abstract new (...args: never[]) => Tensor,
  x: DeviceTensor,
  options: MatmulOptions = {},
  moreOptions?: readonly string[],
): Operands<Tensor> {
  requireOptions("options", options, knownOptions(moreOptions));
  throwIfAborted(direction, options.signal);
  const forward = direction === "matmul";
  const subject = forward ? "x" : "dy";
  const reduction = forward ? weight.inFeatures : weight.outFeatures;
  const width = forward ? weight.outFeatures : weight.inFeatures;
  const { device } = weight;
  const input = requireOwnTensor(subject, x, tensorClass, device);
  if (input.cols !== reduction) {
    throw shapeError(
      subject,
      `[..., ${reduction}], the weight's ${forward ? "inFeatures (K)" : "outFeatures (N)"} last`,
      input.shape,
    );
  }
  const outShape = [...input.shape];
  outShape[outShape.length - 1] = width;
  const bias =
    options.bias === undefined
      ? undefined
      : requireOwnTensor("bias", options.bias, tensorClass, device);
  if (bias && (bias.rows !== 1 || bias.cols !== width)) {
    throw shapeError("bias", `[${width}]`, bias.shape);
  }
  const out =
    options.out === undefined
      ? undefined
      : requireOwnTensor("out", options.out, tensorClass, device);
  if (out && (out.rows !== input.rows || out.cols !== width)) {
    throw shapeError("out", describeValue(outShape), out.shape);
  }
  if (out && (out.storage === input.storage || out.storage === bias?.storage)) {
    throw new ArgumentError({
      code: "W4A16_INVALID_VALUE",
      subject: "out",
      expected: "a tensor with elements of its own",
      received: "one that shares storage with an operand",
      fix: "Write into another tensor: the product reads its operands while it writes.",
    });
  }
  return {
    x: input,
    bias,
    out,
    m: input.rows,
    reduction,
    width,
    outShape,
    outDtype: resolveOutDtype(input, out, options.outDtype),
  };
}

/** Checks that `value` is a live tensor of this very device. */
export function requireOwnTensor<Tensor extends OperandTensor>(
  subject: string,
  value: unknown,
  tensorClass: abstract new (...args: never[]) => Tensor,
  device: Device,
): Tensor {
  const fix = "Make the tensor with tensor() of the device that holds the weight.";
  if (!(value instanceof tensorClass && Handle.isHandle(value))) {
    const foreign = typeof value === "object" && value !== null && "device" in value;
    if (!foreign) {
      throw new ArgumentError({
        code: "W4A16_INVALID_TYPE",
        subject,
        expected: "a DeviceTensor",
        received: describeValue(value),
        fix,
      });
    }
    throw deviceMismatch(subject, device, (value as DeviceTensor).device, fix);
  }
  value.requireUsable();
  if (value.device !== device) throw deviceMismatch(subject, device, value.device, fix);
  return value;
}

function resolveOutDtype(x: DeviceTensor, out: DeviceTensor | undefined, wanted?: DType): DType {
  if (wanted !== undefined) requireDType("outDtype", wanted);
  if (out && wanted && out.dtype !== wanted) {
    throw new ArgumentError({
      code: "W4A16_INVALID_DTYPE",
      subject: "outDtype",
      expected: `the dtype of out, ${out.dtype}`,
      received: describeValue(wanted),
      fix: "Omit outDtype when out is given.",
    });
  }
  return out?.dtype ?? wanted ?? x.dtype;
}

function shapeError(subject: string, expected: string, shape: readonly number[]): ArgumentError {
  return new ArgumentError({
    code: "W4A16_INVALID_SHAPE",
    subject,
    expected: `shape ${expected}`,
    received: `shape ${describeValue([...shape])}`,
    fix: "Check which of matmul (X·Wᵀ) and matmulTransposed (dY·W) is meant, and the operand's shape.",
  });
}

function deviceMismatch(
  subject: string,
  expected: Device,
  received: Device | undefined,
  fix: string,
): DeviceError {
  const same = received?.description === expected.description;
  return new DeviceError({
    code: "W4A16_DEVICE_MISMATCH",
    subject,
    expected: `a tensor of the weight's device (${expected.description})`,
    received: same
      ? "a tensor of another opened device of that kind"
      : `a tensor of ${received?.description ?? "something that is no device"}`,
    fix,
  });
}
