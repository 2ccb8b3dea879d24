/** How a run tells what it does, while it does it. */
import type { Measure, Row } from "./results.js";

/** Is told of each part of a run, in order. */
export interface Reporter {
  /** A part begins that has `total` steps. */
  begin(title: string, total: number): void;
  /** A step begins. */
  step(what: string): void;
  /** A row or a measure is there. */
  row(row: Row): void;
  measure(measure: Measure): void;
  /** Something the reader must know about the figures. Said once, however often it comes up. */
  note(text: string): void;
  end(): void;
}

/** A reporter that says nothing. */
export const SILENT: Reporter = {
  begin: () => {},
  step: () => {},
  row: () => {},
  measure: () => {},
  note: () => {},
  end: () => {},
};
