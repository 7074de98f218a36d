// Strip charts on a canvas: acceleration as bands of its extremes, lines as tracks, curves of a step.

const GAP_MS = 500; // nothing was measured between: no line
const COLOURS = ["#d1495b", "#2a9d8f", "#3d7dd8", "#c77d0a", "#8a5cc2", "#6b7280"];

function begin(canvas) {
  const scale = Math.min(3, devicePixelRatio || 1);
  const width = canvas.clientWidth, height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, height);
  const style = getComputedStyle(canvas);
  pen.font = "12px system-ui, sans-serif";
  return { pen, width, height, ink: style.color };
}

function scaled(low, high, least) {
  const middle = (low + high) / 2, half = Math.max((high - low) / 2, least / 2) * 1.1;
  return [middle - half, middle + half];
}

// rows: [t_ms, x_min, x_max, y_min, y_max, z_min, z_max]; the newest stands at the right. Each axis has a strip of its own
// around its middle, all with the same span, so that gravity does not hide what moves.
export function drawAccel(canvas, rows, nowMs, seconds, names) {
  const { pen, width, height, ink } = begin(canvas);
  const seen = rows.filter((row) => row[0] > nowMs - seconds * 1000);
  if (!seen.length) return;
  const ends = [0, 1, 2].map((axis) => [
    seen.reduce((least, row) => Math.min(least, row[1 + 2 * axis]), Infinity),
    seen.reduce((most, row) => Math.max(most, row[2 + 2 * axis]), -Infinity),
  ]);
  const span = Math.max(0.4, ...ends.map(([low, high]) => high - low)) * 1.1;
  const left = 64, strip = height / 3;
  const x = (ms) => left + (width - left) * (1 - (nowMs - ms) / (seconds * 1000));
  ends.forEach(([low, high], axis) => {
    const middle = (low + high) / 2, top = axis * strip;
    const y = (value) => top + strip / 2 - ((value - middle) / span) * (strip - 8);
    pen.fillStyle = pen.strokeStyle = ink;
    pen.globalAlpha = 0.2;
    pen.strokeRect(left, top + 0.5, width - left, strip - 4);
    pen.globalAlpha = 0.8;
    pen.fillText(`${names[axis]}  ${middle.toFixed(2)}`, 0, top + strip / 2);
    pen.fillText(`±${(span / 2).toFixed(2)}`, 14, top + strip / 2 + 15);
    pen.globalAlpha = 1;
    pen.strokeStyle = COLOURS[axis];
    pen.lineWidth = 1.5;
    pen.beginPath();
    let lastMs = null;
    for (const row of seen) {
      if (lastMs === null || row[0] - lastMs > GAP_MS) pen.moveTo(x(row[0]), y(row[2 + 2 * axis]));
      pen.lineTo(x(row[0]), y(row[2 + 2 * axis]));
      pen.lineTo(x(row[0]), y(row[1 + 2 * axis]));
      lastMs = row[0];
    }
    pen.stroke();
  });
}

function grid(pen, ink, left, width, low, high, y) {
  pen.fillStyle = pen.strokeStyle = ink;
  pen.lineWidth = 1;
  for (let number = 0; number <= 3; number += 1) {
    const value = low + ((high - low) * number) / 3;
    pen.globalAlpha = 0.2;
    pen.beginPath();
    pen.moveTo(left, y(value));
    pen.lineTo(width, y(value));
    pen.stroke();
    pen.globalAlpha = 0.8;
    pen.fillText(value.toFixed(Math.abs(high - low) < 1 ? 2 : 1), 2, y(value) + 4);
  }
  pen.globalAlpha = 1;
}

// tracks: [{name, words: [[t_ms, 0 or 1], ...]}]; before the first word nothing is drawn.
export function drawLines(canvas, tracks, nowMs, seconds) {
  canvas.style.height = `${Math.max(40, 34 * tracks.length)}px`;
  const { pen, width, ink } = begin(canvas);
  const x = (ms) => Math.max(0, width * (1 - (nowMs - ms) / (seconds * 1000)));
  tracks.forEach((track, number) => {
    const top = 34 * number + 16, high = top + 2, low = top + 14;
    pen.fillStyle = ink;
    pen.fillText(track.name, 2, top - 3);
    pen.strokeStyle = COLOURS[number % COLOURS.length];
    pen.lineWidth = 2;
    pen.beginPath();
    let last = null;
    for (const [ms, value] of track.words) {
      if (last !== null) pen.lineTo(x(ms), last ? high : low);
      pen.lineTo(x(ms), value ? high : low);
      last = value;
    }
    if (last !== null) pen.lineTo(width, last ? high : low);
    pen.stroke();
  });
}

// plot: {x, y, series: [{name, x: [...], y: [...]}]}
export function drawPlot(canvas, plot) {
  const { pen, width, height, ink } = begin(canvas);
  const xs = plot.series.flatMap((each) => each.x), ys = plot.series.flatMap((each) => each.y);
  if (!xs.length) return;
  const [xLow, xHigh] = [xs.reduce((a, b) => Math.min(a, b)), xs.reduce((a, b) => Math.max(a, b))];
  const [low, high] = scaled(ys.reduce((a, b) => Math.min(a, b)), ys.reduce((a, b) => Math.max(a, b)), 1e-6);
  const left = 52, top = 30, bottom = height - 18;
  const x = (value) => left + (width - left - 4) * ((value - xLow) / (xHigh - xLow || 1));
  const y = (value) => bottom - (bottom - top) * ((value - low) / (high - low));
  grid(pen, ink, left, width, low, high, y);
  pen.fillStyle = ink;
  pen.fillText(plot.y, 2, 12);
  pen.textAlign = "right";
  pen.fillText(plot.x, width - 2, height - 4);
  pen.textAlign = "left";
  plot.series.forEach((each, number) => {
    pen.strokeStyle = pen.fillStyle = COLOURS[number % COLOURS.length];
    pen.lineWidth = 1.5;
    pen.beginPath();
    each.x.forEach((value, place) => pen.lineTo(x(value), y(each.y[place])));
    pen.stroke();
    if (plot.series.length > 1) pen.fillText(each.name, left + 4 + (number % 3) * 90, 26 + 12 * Math.floor(number / 3));
  });
}
