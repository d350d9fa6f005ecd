/** The page: asks every ten seconds, and shows what changed. */

import { NoAnswer, NotYet, askGraph, askSeries, askSnapshot } from "./ask.js";
import { $, changed } from "./dom.js";
import { series } from "./draw.js";
import { clock, span } from "./format.js";
import { showEnded, showStories } from "./incidents.js";
import { showInterventions } from "./interventions.js";
import { showMap } from "./map.js";
import * as show from "./sections.js";
import { headline, signalOf, variables } from "./story.js";

const PERIOD_MS = 10_000;
const FIRST_PERIOD_MS = 2000; // until there is a result
const HOURS = 3;

let snapshot = null;
let drawn = null;
let graph = null;  // {version, nodes, edges}
let next = 0;
let answered = 0;  // when the service last answered, ms
const began = Date.now();
const picked = { variable: "", effect: "" };

async function refresh() {
  try {
    snapshot = await askSnapshot();
    answered = Date.now();
    await showAll();
    state();
  } catch (error) {
    failed(error);
  }
}

function failed(error) {
  if (error instanceof NotYet) waiting(error.message);
  else if (error instanceof NoAnswer) lost(error);
  else throw error;
}

async function showAll() {
  const found = variables(snapshot);
  bare(!found.size);
  show.showHeadline(headline(snapshot, found));
  showStories(snapshot, found, chooseVariable);
  show.showAnomalies(snapshot, found, chooseVariable);
  showEnded(snapshot);
  showInterventions(snapshot);
  show.showEffect(snapshot, found, picked.effect);
  show.showHealth(snapshot);
  show.showAge(snapshot);
  await Promise.all([showSeries(found), showGraph(found)]);
}

async function showGraph(found) {
  const version = `${snapshot.graph} ${snapshot.graph_version}`;
  if (graph?.version !== version) graph = { version, ...(await askGraph(snapshot.time)) };
  showMap(graph, snapshot, found, chooseVariable);
}

async function showSeries(found) {
  const name = show.showPicker(snapshot, found, picked.variable);
  const variable = found.get(name);
  if (!variable) return nothing(snapshot.warming_up || "there is nothing to draw");
  if (drawn?.name === name && drawn.time === snapshot.time) return draw();
  try {
    const frame = await askSeries(variable, snapshot.time, HOURS);
    if (show.showPicker(snapshot, found, picked.variable) !== name) return undefined;
    drawn = { name, time: snapshot.time, frame };
    return draw();
  } catch (error) {
    if (!(error instanceof NotYet)) throw error;
    return nothing(error.message);
  }
}

function draw() {
  const place = $("#series .drawing");
  if (!drawn || !changed(place, drawn.name, drawn.time, place.clientWidth, place.clientHeight)) return;
  const unit = signalOf(drawn.name, snapshot)?.unit ?? "";
  try {
    series(place, drawn.frame, drawn.name, unit, (text) => ($("#series .readout").textContent = text));
  } catch (error) {
    nothing(error.message);
  }
}

function nothing(why) {
  drawn = null;
  const place = $("#series .drawing");
  changed(place, why);
  place.replaceChildren();
  $("#series .readout").textContent = why;
}

function state() {
  const { health } = snapshot;
  const failing = health.error || health.stale;
  if (failing) tell("bad", "▲ evaluation fails");
  else if (snapshot.warming_up) tell("wait", "… warming up");
  else tell("good", "✓ working");
  const old = health.stale ? "These results are old. " : "";
  warn(failing ? `${old}The last evaluation failed: ${health.error || "it is late"}` : "", health.stale);
}

function waiting(message) {
  answered = Date.now();
  tell("wait", "… waiting");
  warn("");
  if (snapshot) return;
  bare(true);
  const details = [`${message[0].toUpperCase()}${message.slice(1)}.`, "This page shows the results as soon as there are some."];
  const running = message.endsWith("under way");
  if (running) details.push(`Reading the baseline and fitting what is normal: ${span((Date.now() - began) / 1000)} so far; a minute or two is usual.`);
  show.showHeadline({ tone: "wait", title: "Nothing has been evaluated yet", details, progress: running ? null : undefined });
  nothing("there is nothing to draw yet");
}

function lost(error) {
  const since = answered ? `since ${clock(answered / 1000)}` : "yet";
  tell("bad", "▲ no answer");
  if (snapshot) {
    const old = { ...snapshot, health: { ...snapshot.health, stale: true } };
    show.showHeadline(headline(old, variables(old)));
    show.titleAnomalies(old);
  }
  warn(`No answer ${since} (${error.message}). ${snapshot ? "Below is what the service said last." : ""}`, true);
}

/** Without results there is nothing to lay out but the headline and the health. */
function bare(on) {
  $("#main").classList.toggle("bare", on);
}

function tell(tone, text) {
  if (!changed($("#state"), tone, text)) return;
  $("#state").className = `state ${tone}`;
  $("#state").textContent = text;
}

function warn(text, old = false) {
  const place = $("#alert");
  place.hidden = !text;
  $("#main").classList.toggle("old", old);
  if (changed(place, text)) place.textContent = text;
}

function chooseVariable(name) {
  picked.variable = name;
  if (snapshot) showSeries(variables(snapshot)).catch(failed);
}

async function forever() {
  clearTimeout(next);
  try {
    await refresh();
  } finally {
    clearTimeout(next);
    next = setTimeout(forever, snapshot ? PERIOD_MS : FIRST_PERIOD_MS);
  }
}

$("#series select").addEventListener("change", (event) => chooseVariable(event.target.value));
$("#effect select").addEventListener("change", (event) => {
  picked.effect = event.target.value;
  if (snapshot) show.showEffect(snapshot, variables(snapshot), picked.effect);
});
$("#url").value = new URL(".", location.href).href.replace(/\/$/, "");
$("#url").addEventListener("focus", (event) => event.target.select());
new ResizeObserver(() => {
  if (!snapshot) return;
  draw();
  if (graph) showMap(graph, snapshot, variables(snapshot), chooseVariable);
  show.showEffect(snapshot, variables(snapshot), picked.effect);
  showInterventions(snapshot);
}).observe($("#main"));
document.addEventListener("visibilitychange", () => document.hidden || forever());
setInterval(() => snapshot && show.showAge(snapshot), 1000);
forever();
