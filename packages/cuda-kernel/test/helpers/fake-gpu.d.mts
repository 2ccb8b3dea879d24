export function fakeGpu(costs: Readonly<Record<string, number>>): {
  readonly addon: object;
  readonly chosen: Map<string, string>;
  readonly live: Set<number>;
};
