/**
 * Fused int4-weight matrix products on CPUs, as a device of w4a16.
 *
 * @packageDocumentation
 */
export * from "./backend.js";
export { CpuBenchmark, type CpuCeiling } from "./benchmark.js";
export { CpuDevice } from "./device.js";
export { CPU_KERNELS, type CpuKernel, type CpuOptions, type CpuPrecision } from "./options.js";
export { CpuTensor } from "./tensor.js";
export { CpuWeight } from "./weight.js";
