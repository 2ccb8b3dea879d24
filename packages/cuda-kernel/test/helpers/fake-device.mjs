// What addons that only pretend share; plain JavaScript, so that processes of the built package use it too.

export const FAKE_INFO = {
  ordinal: 0,
  name: "Fake GPU",
  major: 8,
  minor: 0,
  multiprocessors: 100,
  memoryBytes: 2 ** 34,
  l2Bytes: 40 * 2 ** 20,
};

/** Numbers given out and taken back: `live` holds those that are out. */
export function fakeHandles() {
  let next = 1;
  const live = new Set();
  const make = () => {
    live.add(next);
    return next++;
  };
  const drop = (_, id) => {
    if (!live.delete(id)) throw new Error(`there is no ${id}`);
  };
  return { live, make, drop };
}
