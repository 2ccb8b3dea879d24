// A GPU whose clock advances by what is launched, for tests of tuning; plain JavaScript, so that processes of
// the built package use it too.
import { fakeHandles } from "./fake-device.mjs";

/**
 * @param costs microseconds of each candidate's kernel, in the order in which the addon names them.
 * @returns the addon, and for each product, by its numbers, the candidate in use.
 */
export function fakeGpu(costs) {
  let clock = 0;
  const events = new Map();
  const graphs = new Map();
  const chosen = new Map();
  const { live, make, drop } = fakeHandles();
  const names = Object.keys(costs);
  let captured = names[0];
  const addon = {
    open: () => 1,
    close: () => {},
    withoutHopper: () => "a fake has none",
    synchronize: async () => {},
    allocate: make,
    free: drop,
    upload: () => {},
    probeFill: () => {},
    loadWeight: make,
    freeWeight: drop,
    candidates: () => names,
    useCandidate: (_, n, k, groupSize, transposed, m, name) => {
      const key = [n, k, groupSize, transposed, m].join(" ");
      if (name === "") chosen.delete(key);
      else if (!names.includes(name)) return false;
      else chosen.set(key, name);
      captured = name || names[0];
      return true;
    },
    matmul: () => {},
    beginCapture: () => {},
    endCapture: () => {
      const id = make();
      graphs.set(id, captured);
      return id;
    },
    abandonCapture: () => {},
    launchGraph: (_, id) => {
      clock += costs[graphs.get(id)];
    },
    destroyGraph: drop,
    createEvent: make,
    destroyEvent: drop,
    recordEvent: (_, id) => events.set(id, clock),
    elapsed: (_, from, to) => (events.get(to) - events.get(from)) / 1000,
  };
  return { addon, chosen, live };
}
