/** The sections of the page: each shows its part of a snapshot. */

import { $, breakable, changed, el, fill, replace, table } from "./dom.js";
import { forest } from "./draw.js";
import { age, clock, count, digits, interval, percent, quantity, range, scaleOf, score } from "./format.js";
import * as story from "./story.js";

const SIGNS = { bad: "▲", unsure: "?", wait: "…", good: "✓" };

/** The one sentence. */
export function showHeadline({ tone, title, details, progress }) {
  const place = $("#headline");
  if (!changed(place, tone, title, details, progress)) return;
  place.className = `headline ${tone}`;
  const bar = progress === undefined ? null : el("progress", { max: 1, value: progress, "aria-label": title }); // null: nobody knows how far
  replace(
    place,
    el("span", { class: "sign", "aria-hidden": "true" }, SIGNS[tone]),
    el("div", {}, el("h1", {}, title), ...details.map((text) => el("p", {}, text)), bar),
  );
  document.title = `${tone === "good" ? "OK" : title} · causal-datasource`;
}

/** How many are anomalous now, or were when that was known last. */
export function titleAnomalies(snapshot) {
  if (snapshot.warming_up) return;
  const when = snapshot.health?.stale ? `at ${clock(snapshot.time)}` : "now";
  $("#anomalies-title").textContent = `Anomalous ${when}: ${snapshot.anomalies.length || "nothing"}`;
}

/** Entities that are anomalous; when there are none, what comes closest. */
export function showAnomalies(snapshot, found, choose) {
  const place = $("#anomalies .body");
  if (snapshot.warming_up) return showMeasured(snapshot, found, choose, place);
  const quiet = story.ordered(found).sort((a, b) => worst(b) - worst(a)).slice(0, 6);
  const none = !snapshot.anomalies.length;
  const rows = none
    ? quiet.map((one) => [one, "normal", ""])
    : [...snapshot.anomalies]
        .sort((a, b) => b.is_root_cause - a.is_root_cause || a.entity.localeCompare(b.entity, "en"))
        .map((one) => [shown(one, found), story.verdict(one), one.root_cause || "not known"]);
  titleAnomalies(snapshot);
  if (!changed(place, rows)) return;
  if (none && !rows.length) return void replace(place, el("p", { class: "quiet" }, "No scores yet."));
  const caption = none ? "The highest scores; an anomaly is above 1." : "Scores above 1 are anomalies.";
  const heads = ["entity", "signal", "verdict", ...(none ? [] : ["root cause"])];
  const body = rows.map(([one, verdict, cause]) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, breakable(one.entity)),
      el("td", { title: one.told ?? null }, ...signals(one, choose)),
      el("td", {}, el("span", { class: `verdict ${verdict}` }, verdict)),
      none ? null : el("td", {}, breakable(cause)),
      cell(one.causal),
      cell(one.marginal),
    ),
  );
  replace(place, table(caption, heads, [["causal", CAUSAL], ["marginal", MARGINAL]], [el("tbody", {}, ...body)]));
}

/** What each signal measures, while there are no scores. */
function showMeasured(snapshot, found, choose, place) {
  $("#anomalies-title").textContent = "Measured now";
  const measured = snapshot.signals.filter((one) => one.highest !== null);
  if (!changed(place, measured)) return;
  const all = story.ordered(found);
  const body = measured.map(({ signal, type, entities, lowest, highest, unit }) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, ...signals({ name: all.find((one) => one.signal === signal).name, signal }, choose)),
      el("td", {}, count(entities, type)),
      el("td", { class: "number" }, range(lowest, highest, unit)),
    ),
  );
  const caption = "The newest value of each signal, from the lowest to the highest.";
  replace(place, table(caption, ["signal", "of"], [["newest", "in the signal's unit"]], [el("tbody", {}, ...body)]));
}

const CAUSAL = "against what its causes say: above 1, it broke";
const MARGINAL = "against what is usual: above 1, it suffers";

function worst({ causal = 0, marginal = 0 }) {
  return Math.max(causal, marginal);
}

/** The variable of an anomaly's symptom; where several are only together one, with their joint score. */
function shown(anomaly, found) {
  const one = found.get(anomaly.symptom) ?? bare(anomaly);
  const { told_together: told, together, joint_score: causal } = anomaly;
  return told ? { ...one, told, together, causal, marginal: undefined } : one;
}

/** What can be drawn of it. */
function signals({ entity, name, signal, together }, choose) {
  const button = (of, text) => el("button", { type: "button", title: `draw ${of}`, click: () => choose(of) }, text);
  if (!together) return [button(name, signal)];
  return [...together.flatMap((one, index) => [index ? ", " : "", button(`${entity}.${one}`, one)]), " together"];
}

function bare({ entity, symptom }) {
  return { entity, name: symptom, signal: symptom.slice(entity.length + 1) };
}

function cell(value) {
  return el("td", { class: value > 1 ? "number above" : "number" }, score(value));
}

/** One effect beside its association, drawn and in words. */
export function showEffect(snapshot, found, picked) {
  const select = $("#effect select");
  const [drawing, words] = [$("#effect .drawing"), $("#effect .body")];
  const names = snapshot.effects.map(story.effectName);
  const name = names.includes(picked) ? picked : story.firstEffect(snapshot, found);
  fill(select, names.map((one) => [one, one]), name);
  select.hidden = names.length < 2;
  const effect = snapshot.effects[names.indexOf(name)];
  const waiting = snapshot.warming_up || snapshot.notices.find((one) => one.startsWith("effects")) || "no effects are configured";
  const impact = story.newestImpact(snapshot);
  if (!changed(drawing, effect ?? waiting, impact, drawing.clientWidth)) return;
  const impacts = impact ? impactWords(impact) : [];
  if (!effect) {
    drawing.replaceChildren();
    return void replace(words, el("p", { class: "quiet" }, waiting), ...impacts);
  }
  const { unit, per } = story.effectUnits(effect, snapshot);
  const { association: value, association_lower: lower, association_upper: upper } = effect;
  const rows = [
    { name: "association", className: "association", value, lower, upper },
    { name: "causal effect", className: "effect", value: effect.effect, lower: effect.lower, upper: effect.upper },
  ];
  forest(drawing, rows, unit, per);
  const { first, details } = effectWords(effect, names.length < 2 ? `${name}: ` : "", unit, per);
  replace(words, ...first, ...impacts, ...details);
}

function effectWords(effect, name, unit, per) {
  const scale = scaleOf(unit, Math.max(Math.abs(effect.association ?? 0), Math.abs(effect.effect ?? 0)));
  const dashboard = `${name}A dashboard shows ${quantity(effect.association, unit, scale)} per ${per}; `;
  const caused =
    effect.effect === null ? "not known from these data" : interval(effect.effect, effect.lower, effect.upper, unit, scale);
  const adjusted = effect.adjustment_set.map((one) => one.replace(/@-(\d+)$/, " ($1 step before)")).join(", ");
  return {
    first: [
      el("p", {}, dashboard, "the causal effect is ", el("strong", {}, caused), ratio(effect)),
      checksLine(effect),
      ...effect.notices.map((text) => el("p", { class: "notice" }, text)),
    ],
    details: [
      el("p", { class: "small" }, effect.adjustment_set.length ? `Adjusted for ${adjusted}.` : "The graph knows nothing to adjust for."),
      el("p", { class: "small" }, `By ${effect.method}, from ${count(effect.n, "point")}.`),
    ],
  };
}

const LIGHTS = { green: "✓", yellow: "? doubtful:", red: "▲ not to be trusted:", grey: "…" };

/** The traffic light of a result's checks, and the sentence of the worst one. */
function checksLine({ light, verdict, worst_check: worst }) {
  const chip = el("span", { class: `light ${light}` }, `${LIGHTS[light]} ${verdict}`);
  return el("p", { class: "small" }, chip, worst ? ` ${worst.text[0].toUpperCase()}${worst.text.slice(1)}.` : "");
}

/** What the newest intervention changed. */
function impactWords(impact) {
  if (impact.impact === null) return [el("p", { class: "notice" }, `Impact on ${impact.outcome}: ${impact.notices.join("; ")}`)];
  const changed = interval(impact.impact, impact.lower, impact.upper, impact.unit, scaleOf(impact.unit, impact.impact));
  const ended = impact.ended === null ? null : clock(impact.ended);
  const when = ended === null ? `since ${clock(impact.began)}` : `from ${clock(impact.began)} until ${ended}`;
  const since = `Newest impact: ${when}, ${impact.outcome} ${ended === null ? "is" : "was"} changed by `;
  return [
    el("p", { class: "impact" }, since, el("strong", {}, changed), "."),
    checksLine(impact),
    ...impact.notices.map((text) => el("p", { class: "notice" }, text)),
  ];
}

function ratio({ association, association_lower: low, association_upper: high, effect, lower, upper, adjustment_set: set }) {
  if (!set.length || (low <= upper && high >= lower)) return "."; // chance may have set them apart
  const clear = effect !== null && association * effect > 0 && lower * upper > 0;
  if (!clear || (association >= lower && association <= upper)) return ".";
  const times = association / effect;
  if (times < 1) return `. The dashboard shows only ${percent(times)} of it.`;
  return `. What the dashboard shows is ${digits(times)} times the effect.`;
}

/** The variable that is drawn: drop-down and scores. Gives its name. */
export function showPicker(snapshot, found, picked) {
  const name = found.has(picked) ? picked : story.firstVariable(snapshot, found);
  const rows = story.ordered(found).map((one) => [one.name, one.name, one.entity]);
  const select = $("#series select");
  fill(select, rows, name);
  select.hidden = !rows.length;
  const place = $("#series .scores");
  const variable = found.get(name);
  if (!changed(place, variable)) return name;
  replace(place, ...(Number.isFinite(variable?.causal) ? [chip("causal", variable.causal, CAUSAL), chip("marginal", variable.marginal, MARGINAL)] : []));
  return name;
}

function chip(name, value, title) {
  const above = value > 1;
  const text = `${name} score ${score(value)}${above ? " ▲" : ""}`;
  return el("span", { class: above ? "chip above" : "chip", title }, text);
}

/** Whether everything works, and with what the numbers were made. */
export function showHealth(snapshot) {
  const { health, signals } = snapshot;
  const bad = signals.filter((one) => one.problem || !one.entities);
  const warm = snapshot.points < snapshot.points_needed ? ` of ${snapshot.points_needed} needed` : "";
  const bring = bad.length ? `${signals.length - bad.length} of ${signals.length}` : `all ${signals.length}`;
  const rows = [
    ["Prometheus", health.error ? "the last evaluation failed" : "answers", Boolean(health.error)],
    ["signals", `${bring} ${health.error ? "brought samples when last read" : "bring samples"}`, bad.length > 0],
    health.stale
      ? ["evaluated", `not since ${clock(health.last_success)}`, true]
      : ["evaluated", `${clock(health.last_success)}, took ${quantity(health.last_seconds, "s")}`, false],
    ["newest point", clock(snapshot.time), false],
    ["points", `${snapshot.points.toLocaleString("en")}${warm}, every ${snapshot.step} s`, false],
    ["evaluations", `${health.evaluations}, ${health.failures} failed`, false],
    ["mechanisms", snapshot.mechanisms ? `fitted ${clock(snapshot.mechanisms)}` : "not fitted yet", false],
    ["graph", snapshot.graph, false],
    ["settings", snapshot.settings, false],
  ];
  const empty = bad.filter((one) => !one.problem).map((one) => `signal '${one.signal}' brings no samples`);
  const notices = [...new Set([...(health.error ? [health.error] : []), ...empty, ...snapshot.notices])];
  const place = $("#health dl");
  if (!changed(place, rows, notices)) return;
  const entry = ([name, text, wrong]) => {
    const said = el("dd", {}, `${wrong ? "▲ " : ""}${text}`);
    return el("div", wrong ? { class: "wrong" } : {}, el("dt", {}, name), said);
  };
  replace(place, ...rows.map(entry));
  $("#health .notices").replaceChildren(...(notices.length ? notices : ["no notices"]).map((text) => el("li", {}, text)));
}

/** How old the last evaluation is; this ticks, and is not announced. */
export function showAge(snapshot) {
  const now = (Date.now() - snapshot.ahead) / 1000;
  $("#age").textContent = `evaluated ${age(now - snapshot.health.last_success)}`;
}
