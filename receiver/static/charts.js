// The charting library: loaded from this receiver, once, and only when something is to be drawn.
import { currentLanguage, say } from "./say.js";

let loading = null;

// Gives the library, or null where the receiver has none.
function library() {
  const path = document.documentElement.dataset.charts;
  if (!path) return Promise.resolve(null);
  loading ??= new Promise((found, failed) => {
    const script = document.createElement("script");
    script.src = path;
    script.onload = () => found(globalThis.Plotly);
    script.onerror = () => {
      loading = null;
      script.remove();
      failed(new Error(say("charts_lost")));
    };
    document.head.append(script);
  });
  return loading;
}

// The library wants plain colours; ours depend on day and night.
export function palette() {
  const probe = document.createElement("i");
  document.body.append(probe);
  const colour = (name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const names = ["ink", "soft", "line", "card", "red", "orange", "blue", "green", "curve", "speed", "band", "door-open", "door-moving", "door-closed"];
  const found = Object.fromEntries(names.map((name) => [name, colour(name)]));
  probe.remove();
  return found;
}

// The same look for every drawing; `axes` and the rest come from whoever draws.
export async function draw(element, traces, layout) {
  const plotly = await library();
  if (plotly === null) {
    element.textContent = say("charts_none");
    return;
  }
  element.textContent = "";
  const colours = palette();
  const axis = { gridcolor: colours.line, zerolinecolor: colours.soft, linecolor: colours.line, automargin: true };
  const whole = { paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false, ...layout };
  whole.font = { color: colours.ink, size: 12, family: getComputedStyle(document.body).fontFamily };
  whole.hoverlabel = { bgcolor: colours.card, bordercolor: colours.line, font: { color: colours.ink } };
  whole.margin = { l: 8, r: 8, t: 28, b: 30, ...layout.margin };
  for (const name of Object.keys(whole)) if (/^[xy]axis\d*$/.test(name)) whole[name] = { ...axis, ...whole[name] };
  const months = currentLanguage() === "zh" ? "zh-CN" : "en";
  await plotly.react(element, traces, whole, { displayModeBar: false, responsive: true, showTips: false, displaylogo: false, locale: months });
}
