/**
 * Everything of w4a16 under one import: devices, quantizers, checkpoints, errors.
 *
 * @packageDocumentation
 */
export * from "@w4a16/checkpoint";
export * from "@w4a16/core";
export * from "@w4a16/cpu-kernel";
export * from "@w4a16/cuda-kernel";
export * from "@w4a16/reference";
// Stands before core's function of that name, which takes the list of backends.
export {
  type BackendOptions,
  backends,
  DEVICE_NAMES,
  type DeviceName,
  type OpenOptions,
  openDevice,
} from "./devices.js";
