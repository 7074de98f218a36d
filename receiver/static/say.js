// Text in the chosen language: look-up, times, durations. Nothing here touches the page.
import { WORDS as PAGE_WORDS } from "./words.js";
import { LIFT_WORDS } from "./words_lift.js";
import { OFFICE_WORDS } from "./words_office.js";
import { SIGN_WORDS } from "./words_signs.js";

const WORDS = Object.fromEntries(["en", "zh"].map((one) => [one, { ...PAGE_WORDS[one], ...LIFT_WORDS[one], ...OFFICE_WORDS[one], ...SIGN_WORDS[one] }]));

const STORE_KEY = "lift-receiver-language";
let language = remembered() ?? (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en");

function remembered() {
  const kept = localStorage.getItem(STORE_KEY);
  return kept in WORDS ? kept : null;
}

export function currentLanguage() {
  return language;
}

export function switchLanguage() {
  language = language === "en" ? "zh" : "en";
  localStorage.setItem(STORE_KEY, language);
}

export function say(key, values = {}) {
  const text = WORDS[language][key];
  if (text === undefined) return key;
  return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
}

export function has(key) {
  return key in WORDS[language];
}

// A value the receiver gives in both languages, for example an alarm title.
export function pick(pair) {
  return pair[language];
}

function locale() {
  return language === "zh" ? "zh-CN" : "en-GB";
}

export function clock(ms, withDay = false) {
  const options = { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false };
  if (withDay) Object.assign(options, { day: "numeric", month: "short" });
  return new Intl.DateTimeFormat(locale(), options).format(new Date(ms));
}

export function clockMinutes(ms) {
  const options = { hour: "2-digit", minute: "2-digit", hour12: false };
  return new Intl.DateTimeFormat(locale(), options).format(new Date(ms));
}

export function duration(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return say("seconds", { s });
  const m = Math.floor(s / 60);
  if (m < 60) return say("minutes_seconds", { m, s: s % 60 });
  const h = Math.floor(m / 60);
  if (h < 48) return say("hours_minutes", { h, m: m % 60 });
  return say("days_hours", { d: Math.floor(h / 24), h: h % 24 });
}
