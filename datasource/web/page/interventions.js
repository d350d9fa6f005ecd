/** What was done to the system and what that changed; and what would tell more. */

import { NoAnswer, NotYet, askImpact, askNext } from "./ask.js";
import { $, breakable, changed, el, fill, replace, table } from "./dom.js";
import { series } from "./draw.js";
import { digits, moment, span } from "./format.js";

const MOST = 6;
const MOST_TOLD = 2;
let drawn = null; // {key, time, frame}
let latest = null;

/** Whether it is known to go on: of what a signal told, the end may be unknown. */
const goesOn = (one) => one.state === "active" && !(one.kind === "detected" && one.end === null);

/** The interventions that go on and the last ones, each with what it changed; nothing where none is written down. */
export function showInterventions(snapshot) {
  latest = snapshot;
  const place = $("#interventions");
  const all = snapshot.interventions;
  place.hidden = !all.length;
  if (!all.length) return;
  const active = all.filter(goesOn);
  const shown = [...active, ...all.filter((one) => !goesOn(one))].slice(0, MOST);
  if (changed(place, shown)) {
    $("#interventions-title").textContent = `Done to the system: ${active.length ? `${active.length} under way` : "nothing is under way"}`;
    const more = all.length > shown.length ? "Earlier ones are at /api/v1/interventions." : "";
    const rows = shown.map((one) => row(one, snapshot.time));
    replace($("#interventions .body"), table(more, ["began", "state", "what, and what it changed"], [], [el("tbody", {}, ...rows)]));
  }
  const impacts = shown.flatMap((one) => one.impacts.map((impact) => [key(one, impact), `${one.told} on ${impact.outcome}`]));
  const select = $("#interventions select");
  select.parentElement.hidden = !impacts.length;
  if (!impacts.length) return;
  const picked = impacts.some(([name]) => name === select.value) ? select.value : impacts[0][0];
  fill(select, impacts, picked);
  drawImpact(snapshot).catch((error) => {
    if (!(error instanceof NotYet || error instanceof NoAnswer)) throw error;
    $("#interventions .readout").textContent = error.message;
  });
}

function row(one, now) {
  const lasted = one.end !== null ? `for ${span(one.end - one.start)}` : goesOn(one) ? "goes on" : "";
  const state = one.state === "active" && !goesOn(one) ? "done" : one.state;
  const more = [one.rolled_back ? "rolled back" : "", one.why, `by ${one.who}`].filter((text) => text).join("; ");
  const clear = one.impacts.filter((impact) => impact.lower > 0 || impact.upper < 0);
  const nothing = one.impacts.length ? "Nothing that users feel was seen to change by it" : "What it changed is not known yet, or cannot be told";
  const told = clear.length ? clear.slice(0, MOST_TOLD).map((impact) => impact.sentence) : [nothing];
  return el(
    "tr",
    {},
    el("td", { class: "when" }, moment(one.start, now), el("p", { class: "small" }, lasted)),
    el("td", {}, el("span", { class: `verdict ${state}` }, state)),
    el("td", {}, el("p", {}, breakable(one.told)), el("p", { class: "small" }, more), ...told.map((text) => el("p", { class: "small" }, `${text}.`))),
  );
}

function key(one, impact) {
  return `${one.intervention} ${impact.outcome}`;
}

/** The course that was seen, beside what would have been. */
async function drawImpact(snapshot) {
  const picked = $("#interventions select").value;
  const one = snapshot.interventions.find((other) => other.impacts.some((impact) => key(other, impact) === picked));
  const impact = one?.impacts.find((other) => key(one, other) === picked);
  if (!impact) return;
  if (drawn?.key !== picked || drawn.time !== snapshot.time) {
    drawn = { key: picked, time: snapshot.time, frame: await askImpact(one, impact.outcome, snapshot.time) };
  }
  const place = $("#interventions .drawing");
  if (!changed(place, drawn.key, drawn.time, place.clientWidth)) return;
  series(place, drawn.frame, `${impact.outcome} with and without ${one.told}`, impact.unit, (text) => ($("#interventions .readout").textContent = text));
}

$("#interventions select").addEventListener("change", () => latest && showInterventions(latest));

const next = $("#next");
next.addEventListener("toggle", async () => {
  if (!next.open) return;
  const place = $("#next .body");
  place.replaceChildren("asking …");
  try {
    place.replaceChildren(...(await askNext()).map(question));
  } catch (error) {
    if (!(error instanceof NotYet || error instanceof NoAnswer)) throw error;
    place.replaceChildren(error.message);
  }
});

function question({ question: text, notice, trials }) {
  const items = trials.slice(0, 3).map((trial) =>
    el(
      "li",
      {},
      el("p", {}, breakable(trial.what)),
      el("p", { class: "small" }, `${trial.why}: ${digits(trial.information)} bits; ${trial.blast_radius}.`),
    ),
  );
  return el("div", {}, el("h3", {}, text), items.length ? el("ol", {}, ...items) : el("p", { class: "quiet" }, `${notice}.`));
}
