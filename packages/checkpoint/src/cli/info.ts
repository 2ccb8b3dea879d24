import { availableParallelism, cpus, totalmem } from "node:os";
import { defineCommand } from "citty";
import { listDevices } from "../devices.js";
import { Arguments } from "./arguments.js";
import { bytes, printJson, table } from "./output.js";
import { version } from "./version.js";

const args = { json: { type: "boolean", description: "print a report for programs" } } as const;

export const info = defineCommand({
  meta: { name: "info", description: "List the devices, and why each is or is not available" },
  args,
  async run({ rawArgs }) {
    const given = new Arguments(args, rawArgs);
    const devices = await listDevices();
    const host = {
      w4a16: version,
      node: process.version,
      platform: `${process.platform}-${process.arch}`,
      processor: cpus()[0]?.model.trim() ?? "unknown",
      cores: availableParallelism(),
      memory: totalmem(),
    };
    if (given.flag("json")) {
      printJson({ ...host, devices });
      return;
    }
    console.log(
      `w4a16 ${host.w4a16}, Node ${host.node}, ${host.platform}, ` +
        `${host.processor} (${host.cores} cores, ${bytes(host.memory)})`,
    );
    console.log(
      table(
        ["device", "available", "kernel, or what it lacks", "fix"],
        devices.flatMap(({ name, available, description, reason, fix, kernels = [] }) => [
          [name, available ? "yes" : "no", description ?? reason ?? "", fix ?? ""],
          ...kernels.map((kernel) => [
            `  ${kernel.name}`,
            kernel.available ? "yes" : "no",
            kernel.reason ?? "",
            "",
          ]),
        ]),
      ),
    );
  },
});
