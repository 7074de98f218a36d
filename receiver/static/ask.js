// Questions to the receiver: one place for headers, time limits, and for refusals in the language of the page.
import { currentLanguage, has, say } from "./say.js";

const PATIENCE_MS = 15000;
let csrf = null; // what shows the receiver that this page, and not one of another site, asks

export function carry(token) {
  csrf = token;
}

export class Refused extends Error {
  constructor(status, words) {
    super(words);
    this.status = status; // 0: no answer came
  }
}

export async function ask(method, path, body) {
  const headers = {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (csrf !== null && method !== "GET") headers["X-CSRF-Token"] = csrf;
  const sent = body === undefined ? undefined : JSON.stringify(body);
  let answer;
  let said;
  try {
    answer = await fetch(path, { method, headers, body: sent, cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
    said = await answer.json();
  } catch {
    throw new Refused(answer?.status ?? 0, say("failed", { reason: say("no_answer") }));
  }
  if (answer.ok) return said;
  throw new Refused(answer.status, say("refused", { reason: reason(answer.status, said) }));
}

// The receiver explains itself in English; other languages hear what kind of refusal it was.
function reason(status, said) {
  if (currentLanguage() === "en" && typeof said.problem === "string") return said.problem;
  const key = `status_${status}`;
  return has(key) ? say(key) : say("status_other", { status });
}
