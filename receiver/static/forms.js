// Fields, and acts that say how they ended. Everything is an element or a text node.
import { make, text } from "./dom.js";
import { say } from "./say.js";

// A part of a room under its title; null: it needs none.
export function card(title, ...children) {
  return make("section", "office-card", title === null ? null : text("h3", "", title), ...children);
}

// A field under its name. kind: text, number, date, password, tel.
export function field(words, value, kind = "text", max = 400) {
  const input = make("input", "");
  input.type = kind;
  input.maxLength = max;
  input.value = value ?? "";
  if (kind === "password") input.autocomplete = "new-password";
  return { element: make("label", "field", text("span", "", words), input), input };
}

// One of several. choices: [value, words].
export function choice(words, value, choices) {
  const select = make("select", "");
  for (const [each, said] of choices) {
    const option = text("option", "", said);
    option.value = each;
    option.selected = each === value;
    select.append(option);
  }
  return { element: make("label", "field", text("span", "", words), select), input: select };
}

// A form with one button. act() -> promise; what it returns, if anything, is said beside the button.
export function form(words, children, act) {
  const said = text("p", "said", "");
  said.setAttribute("role", "status");
  const go = text("button", "plain next", words);
  const element = make("form", "office-form", ...children, make("div", "acts", go, said));
  element.addEventListener("submit", async (event) => {
    event.preventDefault();
    go.disabled = true;
    said.className = "said";
    said.textContent = "";
    try {
      said.textContent = (await act()) ?? say("done");
    } catch (error) {
      said.className = "said problem";
      said.textContent = error.message;
    }
    go.disabled = false;
  });
  return element;
}

// A button that says beside itself what went wrong.
export function deed(words, act, className = "plain") {
  const said = text("span", "problem", "");
  const go = text("button", className, words);
  go.type = "button";
  go.addEventListener("click", async () => {
    go.disabled = true;
    said.textContent = "";
    try {
      await act();
    } catch (error) {
      said.textContent = error.message;
    }
    go.disabled = false;
  });
  return make("span", "deed", go, said);
}

// A table that scrolls by itself on a phone. rows: of texts or elements.
export function table(heads, rows) {
  const head = make("tr", "", ...heads.map((words) => text("th", "", words)));
  const body = rows.map((row) => make("tr", "", ...row.map((cell) => (cell instanceof Node ? make("td", "", cell) : text("td", "", cell ?? "–")))));
  return make("div", "scrolled", make("table", "words", make("thead", "", head), make("tbody", "", ...body)));
}

// Whoever has no name of their own: at the machine while no people are known, or at its command line.
export function personName(name) {
  if (name === "local") return say("audit_local");
  return name === "command line" ? say("audit_command_line") : name;
}
