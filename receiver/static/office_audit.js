// Who did what from where, and what was refused: newest first.
import { ask } from "./ask.js";
import { button, make, text } from "./dom.js";
import { card, personName, table } from "./forms.js";
import { clock, has, say } from "./say.js";

export class AuditRoom {
  constructor() {
    this.element = make("div", "", text("p", "small", say("loading")));
  }

  async load(before = null) {
    try {
      const said = await ask("GET", before === null ? "/v1/audit" : `/v1/audit?before=${encodeURIComponent(before)}`);
      const heads = ["at", "who", "address", "what", "subject", "outcome", "detail"].map((name) => say(`audit_${name}`));
      const all = card(null, table(heads, said.lines.map((line) => [
        clock(line.at_ms, true), who(line), line.address, what(line), line.subject,
        text("span", line.outcome === "refused" ? "ill" : "", say(`outcome_${line.outcome}`)), detail(line)])));
      if (said.before !== null) all.append(button("plain", say("older"), () => this.load(said.before)));
      this.element.replaceChildren(all);
    } catch (error) {
      this.element.replaceChildren(text("p", "problem", error.message));
    }
  }
}

function who(line) {
  if (line.who === null) return say("audit_somebody");
  return `${personName(line.who)} (${say(`role_${line.role}`)})`;
}

// The log is written in English once; what it says often has words here, the rest stays as it was written.
function what(line) {
  const key = `did_${slug(line.what)}`;
  return has(key) ? say(key) : line.what;
}

// Names of fields and roles, and why something was refused; foreign words stay as they are.
function detail(line) {
  const names = line.detail.split(", ").map((name) => [`file_${slug(name)}`, `role_${slug(name)}`, `person_${slug(name)}`, `why_${slug(name)}`].find(has));
  return names.every((key) => key !== undefined) ? names.map((key) => say(key)).join(say("comma")) : line.detail;
}

function slug(words) {
  return words.toLowerCase().replaceAll(/[^a-z]+/g, "_");
}
