/** Installs packed packages into an empty project and uses them as a user would. */
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

// A product of one token with a 64 × 64 identity: what comes out is what went in.
const PROGRAM = `
  const n = 64;
  const identity = Float32Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0));
  const weight = w4a16.quantizeMinMax(identity, { outFeatures: n, inFeatures: n, groupSize: 32 });
  const device = await w4a16.openDevice();
  const x = device.tensor([1, n], "float32", Float32Array.from({ length: n }, (_, i) => i));
  const y = await device.loadWeight(weight).matmul(x).readFloat32();
  for (const [i, value] of y.entries()) {
    if (Math.abs(value - i) > 1e-4 * n) throw new Error(\`\${i}: \${value}\`);
  }
  console.log(\`\${device.description}: right\`);
`;

/** What a user would do first, and what its output must contain. */
const USES = [
  ["import", ["node", "import.mjs"], /right/],
  ["require", ["node", "require.cjs"], /right/],
  ["command", ["npx", "--no-install", "w4a16", "info"], /cpu.*yes/],
  [
    "bench",
    [
      "npx",
      "--no-install",
      "w4a16-bench",
      "--shapes",
      "16,256,256",
      "--peers",
      "none",
      "--budget",
      "0.05",
    ],
    /fused/,
  ],
];

/**
 * @param tarballs every package, packed.
 * @param folder emptied first.
 */
export function checkInstall(tarballs, folder) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const manifest = { name: "user", private: true, version: "0.0.0" };
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
  writeFileSync(join(folder, "import.mjs"), `import * as w4a16 from "w4a16";\n${PROGRAM}`);
  writeFileSync(
    join(folder, "require.cjs"),
    `const w4a16 = require("w4a16");\n(async () => {\n${PROGRAM}})();`,
  );
  run("install", ["npm", "install", "--no-audit", "--no-fund", "--prefer-offline", ...tarballs]);
  for (const [name, command, expected] of USES) {
    const output = run(name, command);
    if (!expected.test(output)) fail(name, `expected ${expected}, received\n${output}`);
    console.log(
      `${name}: ${output
        .split("\n")
        .find((line) => expected.test(line))
        .trim()}`,
    );
  }

  function run(name, [command, ...args]) {
    const { status, stdout, stderr } = spawnSync(command, args, { cwd: folder, encoding: "utf8" });
    if (status !== 0) fail(name, stdout + stderr);
    return stdout;
  }
}

function fail(name, text) {
  console.error(`packed packages, ${name}: ${text}`);
  process.exit(1);
}
