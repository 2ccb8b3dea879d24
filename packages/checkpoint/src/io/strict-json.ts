/**
 * JSON from files that may be hostile: UTF-8 is checked, nesting is bounded, and
 * a key that occurs twice, of which readers would see different values, is an error.
 */
import { type CheckpointErrorCode, clip, invalid } from "../errors.js";

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export interface StrictJsonOptions {
  /** What is parsed, for errors. */
  readonly subject: string;
  readonly code: CheckpointErrorCode;
  /** Deepest nesting of objects and arrays. Default 16. */
  readonly maxDepth?: number;
  /** Most keys in all objects together. Default 2^20: the largest models have a tenth. */
  readonly maxKeys?: number;
  /** Most objects, arrays and commas together. Default 2^22: four times what 2^20 keys of tensors make. */
  readonly maxValues?: number;
}

/** Parses bytes or text. Throws a CheckpointError with `options.code`. */
export function parseStrictJson(input: Uint8Array | string, options: StrictJsonOptions): Json {
  const { subject, code } = options;
  let text: string;
  try {
    text =
      typeof input === "string" ? input : new TextDecoder("utf-8", { fatal: true }).decode(input);
  } catch (cause) {
    throw invalid(code, subject, "UTF-8 text", clip(String(cause)));
  }
  checkNesting(text, options);
  try {
    return JSON.parse(text) as Json;
  } catch (cause) {
    throw invalid(code, subject, "well-formed JSON", clip((cause as Error).message));
  }
}

/** An object's own entries as a map, or an error if it is no object. */
export function requireObject(
  value: Json | undefined,
  subject: string,
  code: CheckpointErrorCode,
): Map<string, Json> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw invalid(code, subject, "a JSON object", value === undefined ? "nothing" : value);
  }
  return new Map(Object.entries(value));
}

/** One pass over the text with a set of keys for each open object; null for an open array. */
function checkNesting(
  text: string,
  { subject, code, maxDepth = 16, maxKeys = 2 ** 20, maxValues = 2 ** 22 }: StrictJsonOptions,
): void {
  let count = 0;
  let values = 0;
  // `{},` takes three bytes of a file and a hundred of memory.
  const countValue = () => {
    if (++values > maxValues) throw invalid(code, subject, `at most ${maxValues} values`, "more");
  };
  const open: Array<Set<string> | null> = [];
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (character === 0x2c) countValue();
    else if (character === 0x7b || character === 0x5b) {
      countValue();
      open.push(character === 0x7b ? new Set() : null);
      if (open.length > maxDepth) {
        throw invalid(code, subject, `nesting of at most ${maxDepth}`, "deeper nesting");
      }
    } else if (character === 0x7d || character === 0x5d) {
      open.pop();
    } else if (character === 0x22) {
      const end = endOfString(text, at);
      const keys = open.at(-1);
      if (keys && isKey(text, end)) {
        const key = decodeString(text.slice(at, end + 1));
        if (keys.has(key)) throw invalid(code, subject, "keys that occur once", `${key} twice`);
        keys.add(key);
        if (++count > maxKeys) throw invalid(code, subject, `at most ${maxKeys} keys`, "more");
      }
      at = end;
    }
  }
}

/** The index of a string's closing quote, or of the last character if there is none. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (character === 0x5c) at++;
    else if (character === 0x22) return at;
  }
  return text.length - 1;
}

function isKey(text: string, end: number): boolean {
  let at = end + 1;
  while (at < text.length && text.charCodeAt(at) <= 0x20) at++;
  return text.charCodeAt(at) === 0x3a;
}

/** A key as JSON reads it, so that escapes cannot hide that two are the same. */
function decodeString(quoted: string): string {
  try {
    return JSON.parse(quoted) as string;
  } catch {
    return quoted;
  }
}
