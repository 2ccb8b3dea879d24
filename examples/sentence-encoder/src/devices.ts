import type { Backend } from "@w4a16/core";
import { cpu } from "@w4a16/cpu-kernel";
import { reference } from "@w4a16/reference";

/** The devices to choose from, the fastest first. */
export const devices: readonly Backend[] = [cpu, reference];
