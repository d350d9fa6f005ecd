/** What people say of an incident, from the page: it needs the token for writing, which is kept until the page is closed. */

import { NoAnswer, NotYet, sendMark } from "./ask.js";
import { el } from "./dom.js";

const ACTIONS = [
  ["dismiss", "No incident", "a false alarm: it is over, and was none"],
  ["expect", "Expected", "known and harmless: it does not alarm on the days that follow at this time"],
  ["close", "Closed", "it is over, whatever its entities do"],
  ["accept", "New normal", "its levels stay, and are no anomaly any more once they are known"],
];

const kept = { token: "", by: "" };

/** A part that folds out, with a button for each thing that can be said. */
export function marks(incident) {
  const said = el("p", { class: "small", role: "status", "data-key": `said ${incident}` });
  const field = (name, label, type = "text") =>
    el("input", { type, value: kept[name] ?? "", "aria-label": label, placeholder: label, autocomplete: "off", "data-key": `${name} ${incident}` });
  const [token, by, reason] = [field("token", "token for writing", "password"), field("by", "your name"), field("reason", "why")];
  const buttons = ACTIONS.map(([action, text, title]) =>
    el("button", { type: "button", class: "action", title, "data-key": `${action} ${incident}`, click: () => send(incident, action, { token, by, reason }, said) }, text),
  );
  return el(
    "details",
    { class: "marks", "data-key": `marks ${incident}` },
    el("summary", { "data-key": `summary ${incident}` }, "Say what it is"),
    el("div", {}, token, by, reason, ...buttons),
    said,
  );
}

async function send(incident, action, { token, by, reason }, said) {
  Object.assign(kept, { token: token.value, by: by.value });
  if (!token.value) return tell(said, "This needs the token for writing, as the settings name it under web.tokens or writes.", token);
  const texts = Object.fromEntries(Object.entries({ by: by.value, reason: reason.value }).filter(([, text]) => text.trim()));
  try {
    return tell(said, await sendMark(incident, action, token.value, texts));
  } catch (error) {
    if (!(error instanceof NotYet || error instanceof NoAnswer)) throw error;
    return tell(said, error.message, token);
  }
}

/** The answer, where the form is by now: the story may have been drawn anew meanwhile. */
function tell(said, text, focus = null) {
  const now = document.querySelector(`[data-key="${CSS.escape(said.dataset.key)}"]`) ?? said;
  now.textContent = `${text[0].toUpperCase()}${text.slice(1)}${text.endsWith(".") ? "" : "."}`;
  focus?.focus();
}
