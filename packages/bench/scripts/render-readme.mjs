/**
 * Rewrites the regions <!-- bench:NAME --> … <!-- /bench:NAME --> of README.md
 * from packages/bench/results/*.json, and the charts beside those. With --check
 * it writes nothing, and fails if anything would change.
 *
 *   node packages/bench/scripts/render-readme.mjs [--check] [README.md]
 */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseResults, renderReadme } from "../dist/index.js";

const packageFolder = dirname(dirname(fileURLToPath(import.meta.url)));
const root = dirname(dirname(packageFolder));
const folder = join(packageFolder, "results");

const check = process.argv.includes("--check");
const [file = join(root, "README.md")] = process.argv
  .slice(2)
  .filter((argument) => argument !== "--check");

const results = new Map(
  readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .sort()
    .map((name) => {
      const path = join(folder, name);
      return [
        basename(name, ".json"),
        parseResults(relative(root, path), readFileSync(path, "utf8")),
      ];
    }),
);

const before = readFileSync(file, "utf8");
const chartFolder = relative(dirname(file), folder).replaceAll("\\", "/");
let rendered;
try {
  rendered = await renderReadme(before, { results, chartFolder });
} catch (error) {
  console.error(error.message);
  process.exit(1);
}

const { text, charts, regions } = rendered;
const wanted = new Map([
  [file, text],
  ...[...charts].map(([name, svg]) => [join(folder, name), svg]),
]);
const stale = [...wanted].filter(
  ([path, content]) => !existsSync(path) || readFileSync(path, "utf8") !== content,
);
const unused = readdirSync(folder)
  .filter((name) => name.endsWith(".svg") && !charts.has(name))
  .map((name) => join(folder, name));

if (check) {
  const differing = [...stale.map(([path]) => path), ...unused].map((path) => relative(root, path));
  if (differing.length > 0) {
    console.error(
      `Not made from the results: ${differing.join(", ")}. Run node ${relative(root, process.argv[1])}.`,
    );
    process.exit(1);
  }
} else {
  for (const [path, content] of stale) writeFileSync(path, content);
  for (const path of unused) rmSync(path);
}
console.log(
  `${relative(root, file)}: ${regions.length} regions, ${charts.size} charts ${check ? "match" : "written"}.`,
);
