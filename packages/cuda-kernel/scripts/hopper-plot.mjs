// Time over dense at every M, as an SVG: one panel a direction.
const WIDTH = 1000;
const PANEL = 260;
const LEFT = 50;
const RIGHT = 20;
const TOP = 30;
const GAP = 50;
const LOW = 0.4;
const HIGH = 1.3;

/** `entries`: {direction, M, fused, dense}, microseconds. `limit`: the ratio that no M should exceed. */
export function sweepPlot(entries, limit) {
  const last = Math.max(...entries.map(({ M }) => M));
  const x = (M) => LEFT + ((WIDTH - LEFT - RIGHT) * M) / last;
  const panels = ["forward", "transposed"].map((direction, i) => {
    const top = TOP + i * (PANEL + GAP);
    const y = (ratio) => top + PANEL * (1 - (clamp(ratio) - LOW) / (HIGH - LOW));
    const points = entries
      .filter((entry) => entry.direction === direction)
      .map(({ M, fused, dense }) => `${x(M).toFixed(1)},${y(fused / dense).toFixed(1)}`);
    const grid = [];
    for (let r = 5; r <= 13; r++) {
      grid.push(line(LEFT, y(r / 10), WIDTH - RIGHT, y(r / 10), r === 10 ? "#888" : "#ddd"));
      grid.push(text(LEFT - 6, y(r / 10) + 4, (r / 10).toFixed(1), "end"));
    }
    for (let M = 0; M <= last; M += 100) grid.push(text(x(M), top + PANEL + 16, `${M}`, "middle"));
    return [
      ...grid,
      line(LEFT, y(limit), WIDTH - RIGHT, y(limit), "#c33"),
      text(LEFT, top - 8, `${direction}: fused / dense cuBLAS at every M (red: ${limit})`, "start"),
      `<polyline fill="none" stroke="#236" stroke-width="1" points="${points.join(" ")}"/>`,
    ].join("\n");
  });
  const height = TOP + 2 * PANEL + 2 * GAP;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">
<rect width="${WIDTH}" height="${height}" fill="#fff"/>
${panels.join("\n")}
</svg>
`;
}

function clamp(ratio) {
  return Math.min(HIGH, Math.max(LOW, ratio));
}
function line(x1, y1, x2, y2, color) {
  return `<line x1="${x1}" y1="${y1.toFixed(1)}" x2="${x2}" y2="${y2.toFixed(1)}" stroke="${color}"/>`;
}
function text(x, y, content, anchor) {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}">${content}</text>`;
}
