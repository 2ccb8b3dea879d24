import { lstatSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseCommand } from "../src/cli/arguments.js";
import { temporaryFolder } from "./helpers/folder.js";

describe("parseCommand", () => {
  const temporary = temporaryFolder();

  it("has the README's table as its default", () => {
    const command = parseCommand([]);
    expect(command).toMatchObject({
      kind: "run",
      settings: {
        device: "auto",
        suites: ["matmul", "call"],
        dtype: "bfloat16",
        groupSize: 128,
        directions: ["matmul"],
        warm: false,
      },
    });
  });

  it("reads every option", () => {
    const { kind, settings } = parseCommand(
      "--device reference --suite all --shapes 2,4,64 --dtype float16 --group-size=32 --direction both --peers dense,onnxruntime4 --warm --budget 2 --json /dev/null --html /dev/null".split(
        " ",
      ),
    ) as { kind: string; settings: object };
    expect(kind).toBe("run");
    expect(settings).toEqual({
      device: "reference",
      suites: ["matmul", "quantize", "pack", "load", "memory", "call"],
      shapes: [{ m: 2, n: 4, k: 64 }],
      dtype: "float16",
      groupSize: 32,
      directions: ["matmul", "matmulTransposed"],
      peers: ["dense", "onnxruntime4"],
      warm: true,
      budget: 2,
      json: "/dev/null",
      html: "/dev/null",
    });
  });

  it("holds the group size against the weights of the chosen suites only", () => {
    const command = parseCommand("--suite pack,call --group-size 96".split(" "));
    expect(command).toMatchObject({ settings: { groupSize: 96 } });
  });

  it("leaves a link to a file that is not there yet", () => {
    const link = join(temporary, "link");
    symlinkSync("later.json", link);
    parseCommand(["--json", link]);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
  });

  it("refuses one file for results and report, whatever its name", () => {
    const file = join(temporary, "both");
    const both = ["--json", file, "--html", join(temporary, ".", "sub", "..", "both")];
    expect(() => parseCommand(both)).toThrow(/--html: expected another file than --json/);
    writeFileSync(file, "");
    symlinkSync(file, join(temporary, "alias"));
    expect(() => parseCommand([...both.slice(0, 3), join(temporary, "alias")])).toThrow(/--html/);
  });

  it("reads compare", () => {
    expect(parseCommand(["compare", "a", "b", "--threshold", "0.2"])).toEqual({
      kind: "compare",
      files: ["a", "b"],
      threshold: 0.2,
    });
  });

  it.each([
    "--device gpu",
    "--suite speed",
    "--suite matmul,speed",
    "--shapes big",
    "--dtype int8",
    "--group-size 0",
    "--group-size 100",
    "--suite memory --group-size 96 --shapes 1,96,96",
    "--direction up",
    "--peers torch",
    "--peers dense,torch",
    "--budget x",
    "--json",
    "--json /nonexistent/a.json",
    "--bogus",
    "--warm=yes",
    "run",
    "compare a.json",
    "compare a b --threshold -1",
    "compare a b --warm",
  ])("refuses %s in one line that names what is valid", (line) => {
    let message = "";
    try {
      parseCommand(line.split(" "));
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message).not.toContain("\n");
    expect(`${line}\n${message}`).toMatchSnapshot();
  });
});
