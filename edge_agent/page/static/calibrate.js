// The calibration on a phone: what to do, what moves, verdict with reason, next action, settings found.

import { ask, bar, make, Refused, say, section, show } from "./base.js";
import { drawPlot } from "./charts.js";

let chosen = null; // the step that is looked at; null: the current one
let notice = "";
let isBusy = false;
let lastRunning = null;
let plotsOf = null, plots = [];

export async function turnCalibrate() {
  if (isBusy) return;
  const { body } = await ask("/api/calibrate");
  draw(body);
}

async function act(values) {
  if (isBusy) return;
  isBusy = true;
  notice = values.do === "finish" || values.do === "find_end" ? say("cal_judging") : "";
  for (const button of document.querySelectorAll("#calibrate button")) button.disabled = true;
  if (notice) document.querySelector("#calibrate").prepend(make("p", { text: notice, is: "big" }));
  let view = null;
  try {
    view = (await ask("/api/calibrate", values)).body;
    if (values.do === "find") chosen = "controller"; // what is found is looked at
    notice = values.do === "propose" && view.proposal && !view.proposal.diff.length ? say("cal_no_change") : "";
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    notice = error.body.trouble ?? say(`cal_${error.body.message ?? "no_step"}`);
  } finally {
    isBusy = false;
  }
  document.querySelector("#calibrate").dataset.shown = "";
  if (view) draw(view);
  else await turnCalibrate();
}

function draw(view) {
  if (view.running !== lastRunning) {
    if (lastRunning && !view.running && view.phase === "open") chosen = lastRunning; // its verdict is looked at
    lastRunning = view.running ?? null;
  }
  const parts = [];
  const said = [notice, view.trouble, view.message ? say(`cal_${view.message}`) : ""].filter(Boolean);
  for (const text of said) parts.push(make("p", { text, is: "wrong", attributes: { role: "alert" } }));
  if (view.phase === "closed") parts.push(closed());
  else if (view.phase === "coming") parts.push(section("tab_calibrate", make("p", { text: say("cal_coming"), is: "big" })));
  else if (view.phase === "finding") parts.push(finding(view));
  else if (view.running) parts.push(running(view));
  else parts.push(...standing(view));
  show(document.querySelector("#calibrate"), parts);
  drawPlots();
}

function button(word, values, is, name) {
  return make("button", { text: say(word), is, on: () => act(values), attributes: { "data-do": name ?? values.do } });
}

function closed() {
  return section(
    "tab_calibrate",
    make("p", { text: say("cal_about") }),
    button("cal_open", { do: "open" }),
    button("cal_fresh", { do: "fresh" }, "plain"),
  );
}

function running(view) {
  const step = view.steps.find((each) => each.step === view.running);
  const parts = [
    make("h2", { text: step.name }),
    make("p", { text: view.instruction, is: "big" }),
    bar(view.share),
    make("p", { text: view.lacks ?? "", is: "small" }),
  ];
  parts.push(...gauges(view));
  const question = view.questions[0];
  if (question) {
    parts.push(
      make("p", { text: question.text, is: "big" }),
      make("div", { is: "pair" }, answer("yes", question.key), answer("no", question.key)),
    );
  }
  if (!step.by_itself) parts.push(button("cal_done", { do: "finish" }));
  parts.push(
    make("div", { is: "pair" },
      button("cal_skip", { do: "skip", step: view.running }, "plain"),
      button("cal_stop", { do: "leave" }, "plain")),
  );
  return make("section", {}, ...parts);
}

function gauges(view) {
  const parts = [];
  for (const gauge of view.gauges) {
    const is = gauge.is_good === null ? "" : gauge.is_good ? "good" : "wrong";
    const name = make("span", { text: gauge.name });
    parts.push(make("div", { is: "row" }, name, make("span", { text: gauge.value, is })));
    if (gauge.share !== null) parts.push(bar(gauge.share, true));
  }
  return parts;
}

// Registers of the controller are read while somebody rides.
function finding(view) {
  return section(
    "cal_find",
    make("p", { text: view.instruction, is: "big" }),
    bar(view.share),
    make("p", { text: view.lacks ?? "", is: "small" }),
    ...gauges(view),
    button("cal_find_end", { do: "find_end" }),
  );
}

function mayFind(view) {
  const asked = make("input", { attributes: { id: "registers", placeholder: say("cal_find_near"), maxlength: "200" } });
  const find = () => act({ do: "find", value: asked.value });
  return make("div", {},
    make("p", { text: say("cal_find_about") }),
    make("label", { text: say("cal_find_registers"), attributes: { for: "registers" } }),
    asked,
    make("button", { text: say("cal_find"), is: "plain", on: find, attributes: { "data-do": "find" } }));
}

function answer(word, key) {
  const values = { do: "answer", value: key, answer: word };
  return make("button", { text: say(word), on: () => act(values), attributes: { "data-answer": word } });
}

function standing(view) {
  const name = chosen ?? view.current;
  const step = view.steps.find((each) => each.step === name) ?? null;
  const parts = [];
  if (view.proposal && view.proposal.diff.length) parts.push(proposal(view));
  if (step) parts.push(oneStep(view, step));
  if (!view.current) parts.push(make("p", { text: say("cal_ready"), is: "big good" }));
  parts.push(list(view));
  parts.push(
    section(
      "tab_calibrate",
      view.has_settings ? button("cal_propose", { do: "propose" }) : null,
      button("cal_close", { do: "close" }, "plain"),
    ),
  );
  return parts;
}

function oneStep(view, step) {
  const result = step.result;
  const parts = [make("h2", { text: step.name })];
  if (result) {
    parts.push(make("p", { text: result.word, is: `big ${verdictClass(result.verdict)}`, attributes: { "data-verdict": result.verdict } }));
    parts.push(make("ul", {}, ...result.reasons.map((text) => make("li", { text }))));
    for (const [text, isExpected] of result.measured) parts.push(make("p", { text, is: isExpected ? "small" : "small wrong" }));
    if (result.settings.length) parts.push(make("pre", { text: result.settings.join("\n"), is: "code" }));
    if (result.next) parts.push(make("p", { text: say("cal_next", { text: result.next }), is: "warn" }));
    if (view.dropped && step.step === chosen) parts.push(make("p", { text: say("cal_dropped", { count: view.dropped }) }));
    if (result.plots) {
      const look = () => lookAtPlots(step.step);
      parts.push(make("button", { text: say("cal_plots"), is: "plain", on: look, attributes: { "data-do": "plots" } }));
      if (plotsOf === step.step) parts.push(make("div", { attributes: { id: "plots" } }));
    }
  } else {
    parts.push(make("p", { text: step.do, is: "big" }));
  }
  if (step.step === "controller" && view.found.length) {
    parts.push(make("ul", { attributes: { id: "found" } }, ...view.found.map((text) => make("li", { text }))));
  }
  const begin = () => { chosen = null; return act({ do: "begin", step: step.step }); };
  const word = result ? "cal_again" : "cal_begin";
  parts.push(make("button", { text: say(word), is: result ? "plain" : "", on: begin, attributes: { "data-do": "begin" } }));
  if (!result || result.verdict === "failed") parts.push(button("cal_skip", { do: "skip", step: step.step }, "plain"));
  const isDoubted = result && result.verdict !== "passed";
  if (step.step === "controller" && view.may_find && isDoubted) parts.push(mayFind(view));
  const after = view.steps.find((each) => each.step !== step.step && each.step === view.current);
  if (chosen && after) {
    const go = () => { chosen = null; plotsOf = null; return turnCalibrate(); };
    const text = say("cal_next", { text: after.name });
    parts.push(make("button", { text, on: go, attributes: { "data-do": "next" } }));
  }
  return make("section", {}, ...parts);
}

async function lookAtPlots(step) {
  plots = (await ask(`/api/plots?step=${step}`)).body.plots;
  plotsOf = plotsOf === step ? null : step;
  await turnCalibrate();
}

function drawPlots() {
  const place = document.querySelector("#plots");
  if (!place || place.childNodes.length) return;
  for (const plot of plots) {
    const canvas = make("canvas");
    place.append(make("p", { text: plot.name, is: "small" }), canvas);
    drawPlot(canvas, plot);
  }
}

function verdictClass(verdict) {
  return { passed: "good", doubtful: "warn", failed: "wrong", skipped: "" }[verdict];
}

function list(view) {
  const rows = view.steps.map((each, place) => {
    const word = each.result ? each.result.word : say("cal_not_done");
    const is = each.result ? verdictClass(each.result.verdict) : "small";
    const on = () => { chosen = each.step; plotsOf = null; turnCalibrate(); };
    const name = make("span", { text: `${place + 1}. ${each.name}` });
    return make("button", { is: "step", on, attributes: { "data-step": each.step } }, name, make("b", { text: word, is }));
  });
  return make("section", {}, ...rows);
}

function proposal(view) {
  const lines = view.proposal.diff.map((text) => {
    const is = text.startsWith("+") ? "plus" : text.startsWith("-") ? "minus" : "";
    return make("span", { text: `${text}\n`, is });
  });
  const word = view.proposal.repair ? "cal_repair" : "cal_accept";
  return section(
    "cal_change",
    make("pre", { is: "code" }, ...lines),
    view.is_putting ? make("p", { text: say("cal_putting") }) : button(word, { do: "accept", value: view.proposal.digest }),
    button("cal_decline", { do: "decline" }, "plain"),
  );
}
