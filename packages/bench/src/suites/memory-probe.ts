/**
 * What loading weights adds to a process that does nothing else: run as one of
 * its own, since memory that an earlier suite gave back would hide it.
 */
import { randomInt4Weight, seededRandom } from "@w4a16/reference/testing";
import { openDevice } from "w4a16";
import type { MemoryAnswer, MemoryTask } from "./memory.js";

process.once("message", async ({ device: name, n, k, groupSize, count }: MemoryTask) => {
  const device = await openDevice(name);
  const shape = { outFeatures: n, inFeatures: k, groupSize };
  const weight = randomInt4Weight(seededRandom(1), shape);
  // The first brings up what the device needs once.
  device.loadWeight(weight).dispose();
  await device.synchronize();
  const before = { held: device.memory().weights, resident: process.memoryUsage.rss() };
  const loaded = Array.from({ length: count }, () => device.loadWeight(weight));
  await device.synchronize();
  const answer: MemoryAnswer = {
    held: (device.memory().weights - before.held) / count,
    resident: (process.memoryUsage.rss() - before.resident) / count,
  };
  for (const each of loaded) each.dispose();
  device.dispose();
  process.send!(answer, () => process.disconnect());
});
