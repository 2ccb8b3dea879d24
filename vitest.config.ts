import { defineConfig } from "vitest/config";

// Vitest 5 is written for Node 22 and later; this is the one thing it misses on
// Node 20, and only when it prints failures.
Map.groupBy ??= <K, T>(items: Iterable<T>, keyOf: (item: T, index: number) => K) => {
  const groups = new Map<K, T[]>();
  let index = 0;
  for (const item of items) {
    const key = keyOf(item, index++);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
};

export default defineConfig({
  test: {
    include: ["packages/*/test/**/*.test.ts"],
    // Two cores in CI: threads share one process and start faster than forks,
    // but worker_threads and native addons want a process of their own.
    pool: "forks",
    testTimeout: 60_000,
  },
});
