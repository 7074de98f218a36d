// Who outside is told of alarms, and what could not be told: the default list, dead messages of people and of programs.
import { ask } from "./ask.js";
import { make, text } from "./dom.js";
import { card, deed, table } from "./forms.js";
import { clock, say } from "./say.js";
import { mayAct } from "./session.js";
import { Steps } from "./steps.js";

const STATES = ["waiting", "sent", "dead", "not_needed"];

export class ToldRoom {
  constructor() {
    this.people = make("div", "");
    this.programs = make("div", "");
    this.element = make("div", "", this.people, this.programs, new Steps("default", say("list_default")).element);
  }

  async load() {
    await Promise.all([this.loadPeople(), this.loadPrograms()].map((loading) => loading.catch((error) => {
      this.people.append(text("p", "problem", error.message));
    })));
  }

  async loadPeople() {
    const said = await ask("GET", "/v1/escalation?state=dead");
    const heads = [say("step_channel"), ...STATES.map((state) => say(`told_${state}`))];
    const ways = Object.entries(said.ways).map(([way, counts]) => [say(`way_${way}`), ...STATES.map((state) => String(counts[state]))]);
    this.people.replaceChildren(card(say("told_people"), table(heads, ways)), this.dead(say("dead_people"), said.messages, (message) => [
      clock(message.due_ms, true), say(`way_${message.channel}`), message.target], (message) => ask("POST", "/v1/escalation/retry", { name: message.name })));
  }

  async loadPrograms() {
    const said = await ask("GET", "/v1/adapters?state=dead");
    if (said.adapters.length === 0) return this.programs.replaceChildren();
    const heads = [say("told_program"), ...STATES.slice(0, 3).map((state) => say(`told_${state}`))];
    const all = said.adapters.map((one) => [one.name, ...STATES.slice(0, 3).map((state) => String(one[state]))]);
    return this.programs.replaceChildren(card(say("told_programs"), table(heads, all)), this.dead(say("dead_programs"), said.messages, (message) => [
      clock(message.due_ms, true), message.adapter, message.key], (message) => ask("POST", "/v1/adapters/retry", { adapter: message.adapter, key: message.key })));
  }

  dead(title, messages, cells, retry) {
    if (messages.length === 0) return card(title, text("p", "fine", say("dead_none")));
    const heads = ["dead_due", "step_channel", "step_target", "dead_tries", "dead_error", "person_acts"].map((key) => say(key));
    return card(title, table(heads, messages.map((message) => [...cells(message), String(message.tries), message.error,
      mayAct() ? deed(say("dead_retry"), () => retry(message).then(() => this.load())) : "–"])));
  }
}
