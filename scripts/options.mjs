/** The command line of a script, read by Node's parser. */
import { parseArgs } from "node:util";

/** As `parseArgs`; what is not among `options` ends the process with one line and exit code 2. */
export function readOptions(options) {
  try {
    return parseArgs({ options });
  } catch (error) {
    const names = Object.keys(options).map((name) => `--${name}`);
    console.error(`${error.message.split(". ")[0]}. Known: ${names.join(", ")}.`);
    process.exit(2);
  }
}
