// Who is told of an alarm that nobody takes over: the list of one lift, or the default list.
import { ask } from "./ask.js";
import { button, make, text } from "./dom.js";
import { card, choice, field, form, table } from "./forms.js";
import { say } from "./say.js";
import { may } from "./session.js";

const CHANNELS = ["mail", "sms", "webhook"];
const STEPS_MAX = 10; // as the receiver's own

export class Steps {
  // lift: a registration code, or "default".
  constructor(lift, title) {
    this.lift = lift;
    this.body = make("div", "", text("p", "small", say("loading")));
    this.element = card(title, this.body);
    this.load();
  }

  get address() {
    return `/v1/escalation/lists/${encodeURIComponent(this.lift)}`;
  }

  async load() {
    try {
      this.render((await ask("GET", this.address)).steps);
    } catch (error) {
      this.body.replaceChildren(text("p", "problem", error.message));
    }
  }

  render(steps) {
    const empty = text("p", "small", say(this.lift === "default" ? "steps_nobody" : "steps_default"));
    if (!may("admin")) {
      const heads = ["after_s", "channel", "target"].map((name) => say(`step_${name}`));
      const rows = steps.map((step) => [String(step.after_s), say(`way_${step.channel}`), step.target]);
      this.body.replaceChildren(steps.length ? table(heads, rows) : empty);
      return;
    }
    const rows = make("div", "");
    const add = (step) => {
      if (rows.children.length < STEPS_MAX) rows.append(row(step));
    };
    steps.forEach(add);
    const more = button("plain", say("step_add"), () => add({ after_s: 0, channel: "mail", target: "", language: "zh" }));
    this.body.replaceChildren(...(steps.length ? [] : [empty]), form(say("save"), [rows, more], async () => {
      const sent = { steps: [...rows.children].map((one) => one.read()) };
      this.render((await ask("PUT", this.address, sent)).steps);
    }));
  }
}

function row(step) {
  const after = field(say("step_after_s"), step.after_s, "number");
  const channel = choice(say("step_channel"), step.channel, CHANNELS.map((each) => [each, say(`way_${each}`)]));
  const target = field(say("step_target"), step.target);
  const language = choice(say("step_language"), step.language, [["zh", "中文"], ["en", "English"]]);
  const element = make("div", "step", after.element, channel.element, target.element, language.element,
    button("plain", say("step_remove"), () => element.remove()));
  element.read = () => ({
    after_s: Number(after.input.value), channel: channel.input.value, target: target.input.value.trim(), language: language.input.value });
  return element;
}
