/**
 * Fused int4-weight matrix products on NVIDIA GPUs.
 *
 * @packageDocumentation
 */
export { type CudaAvailability, type CudaUnavailableCode, cudaDevices } from "./availability.js";
export { type CudaBackend, type CudaOptions, cuda } from "./backend.js";
export { CudaBenchmark, type CudaCeiling } from "./benchmark.js";
export { CudaDenseWeight } from "./dense.js";
export { CudaDevice } from "./device.js";
export { nvidiaDriverVersion } from "./driver.js";
export { CudaGraph } from "./graph.js";
export type { CudaDeviceInfo, KernelChoice, KernelPreference } from "./native.js";
export { CudaEvent, CudaStream } from "./stream.js";
export { CudaTensor } from "./tensor.js";
export type { TunedKernel } from "./tuning/cache.js";
export type { Product, TuneShape } from "./tuning/products.js";
export type { TuneOptions, TuneProgress, TuneResult } from "./tuning/tune.js";
export { type TuneReport, Tuning } from "./tuning/tuning.js";
export { type CudaMatmulOptions, CudaWeight } from "./weight.js";
