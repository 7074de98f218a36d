// The picture of an alarm: what was felt, how fast the car was, what doors, contacts and controller said, and the signs.
import { draw, palette } from "./charts.js";
import { make, text } from "./dom.js";
import { has, say } from "./say.js";
import { signName, signValue } from "./signs.js";

const ROW_PX = 24;
const CURVES_PX = 330;
const NAMES_PX = 130; // about what the names of the rows take
const WORD_PX = { latin: 7, wide: 12 }; // a stretch with no room for its word is not labelled; touching it still says it
const FIELDS = ["floor", "direction", "mode", "door", "fault", "safety_circuit_closed", "door_zone", "passenger"];

// Draws into `place`; `picture` is the answer of /v1/incidents/ID/picture.
export async function showPicture(place, picture) {
  const plot = make("div", "plot");
  plot.dataset.picture = "";
  place.replaceChildren(plot, legend(), signList(picture), doorTimes(picture), notes(picture));
  const rows = timelineRows(picture);
  plot.style.height = `${CURVES_PX + ROW_PX * rows.length + 60}px`;
  const secondsPerPx = (picture.to_s - picture.from_s) / Math.max(100, plot.clientWidth - NAMES_PX);
  await draw(plot, [...curves(picture), ...timelines(rows, secondsPerPx)], layout(picture, rows));
}

function columnTimes(picture) {
  const count = picture.accel_low_mps2.length;
  const step = (picture.to_s - picture.from_s) / Math.max(1, count);
  return picture.accel_low_mps2.map((_, i) => Math.round((picture.from_s + (i + 0.5) * step) * 1000) / 1000);
}

function curves(picture) {
  const colours = palette();
  const x = columnTimes(picture);
  const line = { color: colours.curve, width: 1 };
  const band = { x, xaxis: "x", yaxis: "y", mode: "lines", line, connectgaps: false };
  return [
    { ...band, y: picture.accel_low_mps2, name: say("drawn_low"), hovertemplate: "%{y:.2f} m/s²" },
    { ...band, y: picture.accel_high_mps2, name: say("drawn_high"), hovertemplate: "%{y:.2f} m/s²", fill: "tonexty", fillcolor: colours.band },
    { x, y: picture.speed_mps, xaxis: "x", yaxis: "y2", mode: "lines", name: say("drawn_speed"), connectgaps: false,
      line: { color: colours.speed, width: 2 }, hovertemplate: "%{y:.2f} m/s" },
  ];
}

// Rows below the curves, each with stretches {from, to, words, colour}.
function timelineRows(picture) {
  const colours = palette();
  const shade = { closed: colours["door-closed"], open: colours["door-open"], opening: colours["door-moving"], closing: colours["door-moving"], unknown: colours.line };
  const rows = picture.doors.map((door, i) => ({
    name: say(i === 0 ? "drawn_door" : "drawn_door_rear"),
    spans: door.map((span) => ({ from: span.from_s, to: span.to_s, words: say(`door_${span.state}`), colour: shade[span.state] })),
  }));
  for (const [signal, changes] of Object.entries(picture.contacts)) {
    const spans = stretches(changes, picture.to_s).filter((span) => span.value === true);
    const key = `contact_${signal}`;
    rows.push({ name: has(key) ? say(key) : signal, spans: spans.map((span) => ({ ...span, words: say("answer_yes"), colour: colours.green })) });
  }
  for (const field of FIELDS) {
    if (!(field in picture.controller)) continue;
    const spans = stretches(picture.controller[field], picture.to_s);
    rows.push({ name: say(`controller_${field}`), spans: spans.map((span, i) => ({ ...span, words: controllerWord(field, span.value), colour: i % 2 ? colours.band : colours.line, isSaid: true })) });
  }
  return rows;
}

function stretches(changes, end) {
  return changes.map(([from, value], i) => ({ from, to: i + 1 < changes.length ? changes[i + 1][0] : end, value }));
}

function controllerWord(field, value) {
  if (value === true || value === false) return say(value ? "answer_yes" : "answer_no");
  const key = `${field}_${value}`;
  return has(key) ? say(key) : String(value);
}

function widthPx(words) {
  return [...words].reduce((sum, sign) => sum + (sign > "\u2e80" ? WORD_PX.wide : WORD_PX.latin), 0);
}

function timelines(rows, secondsPerPx) {
  const traces = [];
  rows.forEach((row, i) => {
    const y = rows.length - i;
    for (const span of row.spans) {
      traces.push({
        x: [span.from, Math.max(span.to, span.from + 0.02)], y: [y, y], xaxis: "x", yaxis: "y3", mode: "lines",
        line: { color: span.colour, width: 12 }, name: row.name, hovertemplate: `${escaped(span.words)}<extra>${escaped(row.name)}</extra>`,
      });
    }
    const said = row.spans.filter((span) => span.isSaid && span.to - span.from > widthPx(span.words) * secondsPerPx).slice(0, 60);
    if (said.length) {
      traces.push({
        x: said.map((span) => span.from), y: said.map(() => y), text: said.map((span) => escaped(span.words)), xaxis: "x", yaxis: "y3",
        mode: "text", textposition: "middle right", textfont: { size: 11 }, hoverinfo: "skip", cliponaxis: true,
      });
    }
  });
  return traces;
}

// The library reads a few tags and entities in text; what others wrote is made harmless for it.
export function escaped(words) {
  return String(words).replace(/[&<>%{}]/g, (sign) => `&#${sign.codePointAt(0)};`);
}

function layout(picture, rows) {
  const colours = palette();
  const share = (ROW_PX * rows.length) / (CURVES_PX + ROW_PX * rows.length);
  const middle = share + (1 - share) * 0.42;
  const title = (words) => ({ text: words, x: 0, xref: "paper", xanchor: "left", showarrow: false, yref: "paper", yanchor: "bottom", font: { color: colours.soft, size: 12 } });
  return {
    hovermode: "x",
    dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
    xaxis: { range: [picture.from_s, picture.to_s], ticksuffix: " s", anchor: "y3", domain: [0, 1], zeroline: false },
    yaxis: { domain: [middle + 0.06, 1], fixedrange: true },
    yaxis2: { domain: [share + 0.06, middle], fixedrange: true },
    yaxis3: {
      domain: [0, share], fixedrange: true, range: [0.4, rows.length + 0.6], showgrid: false, zeroline: false,
      tickvals: rows.map((_, i) => rows.length - i), ticktext: rows.map((row) => escaped(row.name)),
    },
    shapes: [...markShapes(picture, colours), ...unsureShapes(picture, colours), ...troubleShapes(picture, colours)],
    annotations: [
      { ...title(say("drawn_accel")), y: 1 }, { ...title(say("drawn_speed")), y: middle },
      ...markNumbers(picture, colours),
    ],
    margin: { t: 44 },
  };
}

// Numbers on the picture are those of the list below it: stages, peaks, stretches.
function numbered(picture) {
  return picture.marks.map((mark, i) => ({ ...mark, number: i + 1 }));
}

function markShapes(picture, colours) {
  const shapes = [];
  for (const mark of numbered(picture)) {
    const red = mark.phase === "raised" ? colours.red : colours.orange;
    shapes.push({ type: "line", x0: mark.t_s, x1: mark.t_s, y0: 0, y1: 1, yref: "paper", line: { color: red, width: 2, dash: mark.phase === "raised" ? "solid" : "dot" } });
    for (const sign of mark.signs) {
      if (sign.peak_s !== undefined) shapes.push({ type: "line", x0: sign.peak_s, x1: sign.peak_s, y0: 0, y1: 1, yref: "y domain", line: { color: red, width: 1, dash: "dash" } });
      if (sign.since_s !== undefined) shapes.push({ type: "rect", x0: Math.max(sign.since_s, picture.from_s), x1: mark.t_s, y0: 0, y1: 1, yref: "paper", fillcolor: red, opacity: 0.09, line: { width: 0 }, layer: "below" });
    }
  }
  return shapes;
}

function unsureShapes(picture, colours) {
  return picture.speed_unsure_s.map(([from, to]) => ({ type: "rect", x0: from, x1: to, y0: 0, y1: 1, yref: "y2 domain", fillcolor: colours.soft, opacity: 0.12, line: { width: 0 }, layer: "below" }));
}

function troubleShapes(picture, colours) {
  return picture.troubles.map((trouble) => ({ type: "line", x0: trouble.t_s, x1: trouble.t_s, y0: 0, y1: 0.04, yref: "paper", line: { color: colours.orange, width: 3 } }));
}

function markNumbers(picture, colours) {
  const label = (x, words, extra) => ({ x, y: 1, yref: "paper", yanchor: "bottom", showarrow: false, text: words, font: { color: "#fff", size: 11 }, bgcolor: colours.red, borderpad: 2, yshift: 16, ...extra });
  const found = [];
  for (const mark of numbered(picture)) {
    found.push(label(mark.t_s, String(mark.number), {}));
    mark.signs.forEach((sign, i) => {
      if (sign.peak_s !== undefined) found.push(label(sign.peak_s, `${mark.number}${letter(i)}`, { yref: "y domain", yshift: 0, bgcolor: colours.orange }));
    });
  }
  return found;
}

function letter(index) {
  return String.fromCharCode(97 + (index % 26));
}

function legend() {
  const colours = ["closed", "opening", "open"].map((state) => make("span", `key door-${state}`));
  const words = [say("door_closed"), say("key_moving"), say("door_open")];
  const row = make("p", "small legend");
  colours.forEach((box, i) => row.append(box, text("span", "", words[i])));
  row.append(make("span", "key unsure"), text("span", "", say("key_unsure")), make("span", "key lasting"), text("span", "", say("key_lasting")));
  return row;
}

function signList(picture) {
  const list = make("ol", "marks");
  for (const mark of numbered(picture)) {
    const head = text("strong", "", `${mark.number} · ${seconds(mark.t_s)} · ${say(`phase_${mark.phase}`)}`);
    const row = make("li", "", head);
    if (mark.occupied_percent !== null) row.append(text("span", "", `${say("occupied")}: ${mark.occupied_percent} %`));
    mark.signs.forEach((sign, i) => {
      const at = sign.peak_s !== undefined ? say("sign_peak", { at: seconds(sign.peak_s) }) : sign.since_s !== undefined ? say("sign_since", { at: seconds(sign.since_s) }) : "";
      const words = `${letter(i)}) ${signName(sign)}: ${signValue(sign)}`;
      row.append(text("span", "sign", at === "" ? words : `${words} (${at})`));
    });
    list.append(row);
  }
  if (picture.marks.length === 0) list.append(text("li", "", say("marks_none")));
  return list;
}

function seconds(value) {
  return say("at_seconds", { s: (value > 0 ? "+" : value < 0 ? "−" : "") + Math.abs(value).toFixed(1) });
}

function doorTimes(picture) {
  const moves = picture.doors.flatMap((door, i) => door
    .filter((span) => span.is_whole && (span.state === "opening" || span.state === "closing"))
    .map((span) => ({ ...span, isRear: i > 0 })));
  if (moves.length === 0) return text("p", "small", say("door_times_none"));
  const words = moves.map((move) => say("door_time", {
    at: seconds(move.from_s),
    what: (move.isRear ? `${say("drawn_door_rear")} ` : "") + say(`door_${move.state}`),
    s: (move.to_s - move.from_s).toFixed(2),
  }));
  return make("p", "small", text("strong", "", `${say("door_times")} `), text("span", "", words.join(say("comma"))));
}

function notes(picture) {
  const list = make("ul", "small");
  for (const trouble of picture.troubles) {
    const source = has(`value_${trouble.source}`) ? say(`value_${trouble.source}`) : trouble.source;
    const what = has(`value_${trouble.what}`) ? say(`value_${trouble.what}`) : trouble.what;
    list.append(text("li", "", say("trouble_source", { at: seconds(trouble.t_s), source, what: trouble.count ? `${what} (${trouble.count})` : what })));
  }
  if (picture.left_out > 0) list.append(text("li", "", say("drawn_left_out", { count: picture.left_out })));
  return list;
}

