/** What a snapshot says, in words. Pure: a snapshot in, texts and rows out. */

import { addends, clock, count, moment, quantity, scaleOf } from "./format.js";

/** Every scored variable by its shown name: {name, entity, signal, causal, marginal, observed}. */
export function variables(snapshot) {
  const found = new Map();
  const kinds = [];
  for (const { name, labels, value } of snapshot.metrics) {
    const property = PROPERTIES[name];
    if (!property) continue;
    const { signal, ...own } = labels;
    const entity = Object.values(own).join("/");
    const kind = Object.keys(own).join("/");
    if (!kinds.includes(kind)) kinds.push(kind);
    const shown = `${entity}.${signal}`;
    if (!found.has(shown)) found.set(shown, { name: shown, entity, signal, kind: kinds.indexOf(kind) });
    found.get(shown)[property] = value;
  }
  return found;
}

const PROPERTIES = {
  causal_anomaly_score: "causal",
  causal_marginal_anomaly_score: "marginal",
  causal_observed_value: "observed",
};

/** Variables in the order of a drop-down: entities of one type together, then by name. */
export function ordered(found) {
  return [...found.values()].sort((a, b) => a.kind - b.kind || a.entity.localeCompare(b.entity, "en"));
}

/** The verdict on an anomalous entity. */
export function verdict(anomaly) {
  if (anomaly.is_root_cause) return "broke";
  return anomaly.root_cause ? "suffers" : "anomalous";
}

/** The named root causes, the one with most victims first. */
export function culprits(snapshot) {
  const victims = new Map();
  for (const { root_cause: cause } of snapshot.anomalies) if (cause) victims.set(cause, (victims.get(cause) ?? 0) + 1);
  return [...victims.keys()].sort((a, b) => victims.get(b) - victims.get(a));
}

/** Symptoms with their causes, the one most requests feel first. */
export function symptoms(snapshot, found) {
  const loads = snapshot.signals.filter((one) => one.role === "load").map((one) => one.signal);
  const felt = ({ symptom }) => {
    const entity = found.get(symptom)?.entity;
    return Math.max(0, ...loads.map((load) => found.get(`${entity}.${load}`)?.observed ?? 0));
  };
  return [...snapshot.root_causes].sort((a, b) => felt(b) - felt(a));
}

/** The open incidents; while anomalies have not become one yet, what is known of the symptom most felt. */
export function open(snapshot, found) {
  const incidents = snapshot.incidents.filter((one) => one.state === "open");
  if (incidents.length || !snapshot.anomalies.length) return incidents;
  const rest = { roots: culprits(snapshot), affected: snapshot.anomalies.map((one) => one.entity), suggestions: [] };
  return symptoms(snapshot, found).slice(0, 1).map((one) => ({ ...one, ...rest, start: null }));
}

/** The headline: {tone, title, details}; tone is bad, unsure, wait or good. */
export function headline(snapshot, found) {
  if (snapshot.warming_up) return warming(snapshot);
  const all = open(snapshot, found);
  if (!all.length) return quiet(snapshot, found);
  const roots = [...new Set(all.flatMap((one) => one.roots))];
  const tone = roots.length ? "bad" : "unsure";
  if (all.length === 1) return { tone, title: title(all[0]), details: [told(all[0], snapshot)] };
  const who = roots.length ? `${listed(roots)} broke` : "the causes are not known";
  return { tone, title: `${all.length} incidents: ${who}`, details: [] };
}

/** An incident in a few words. */
export function title(incident) {
  const { roots, symptom, state } = incident;
  if (roots.length) return `${listed(roots)} broke`;
  return together(incident) || `${symptom} ${verb(state)} anomalous, the cause is not known`;
}

/** That several signals are an anomaly only together, as the server tells it; empty for any other. */
function together({ told_together: told, state }) {
  return told && state === "ended" ? told.replace(" are ", " were ") : told;
}

/** An incident in sentences: its summary, or what makes up the gap of its symptom. */
export function told(incident, snapshot) {
  if (incident.summary) return incident.summary;
  if (incident.told_together) return `${together(incident)}.`;
  const known = parts(incident);
  if (known.every((one) => one.kind === "unexplained")) return `${deviation(incident, snapshot)}.`;
  const from = known.map(({ amount, name, kind }) => `${amount} ${kind === "unexplained" ? name : `from ${name}`}`);
  return `${deviation(incident, snapshot)}: ${from.join(", ")}.`;
}

const MOST_CAUSES = 6;

/** What adds up to a symptom's gap, the largest first: {amount, share, name, kind, ...}. */
export function parts({ causes, outside, unexplained, gap, unit }) {
  const known = [
    ...causes.map((one) => ({ ...one, name: `${one.root_cause}.${one.signal}`, kind: "cause" })),
    ...outside.map((one) => ({ ...one, name: one.where, kind: "outside" })),
  ].sort((a, b) => Math.abs(b.contribution) - Math.abs(a.contribution));
  const others = known.splice(MOST_CAUSES).reduce((sum, one) => sum + one.contribution, 0);
  const all = [
    ...known,
    { name: "others", kind: "others", contribution: others },
    { name: "unexplained", kind: "unexplained", contribution: unexplained },
  ];
  const amounts = addends(all.map((one) => one.contribution), gap, unit);
  return all
    .map((one, index) => ({ ...one, amount: amounts[index], share: gap ? one.contribution / gap : 0 }))
    .filter((one) => /[1-9]/.test(one.amount));
}

function warming(snapshot) {
  const text = snapshot.warming_up;
  const begin = snapshot.scores_begin;
  const when = begin ? `about ${moment(begin, snapshot.time).replace(/:\d\d$/, "")}` : "when enough of the past is known";
  return {
    tone: "wait",
    title: text[0].toUpperCase() + text.slice(1),
    details: [`Expected values and scores begin ${when}; nothing can be said about causes before.`],
    progress: snapshot.points_needed ? snapshot.points / snapshot.points_needed : 0,
  };
}

const MOST_QUIET = 3;

function quiet(snapshot, found) {
  const entities = new Set([...found.values()].map((one) => one.entity));
  const size = `${count(found.size, "variable")} of ${count(entities.size, "entity", "entities")}`;
  const details = [`${size} were compared with what is usual, and with what their causes say, at ${clock(snapshot.time)}.`];
  details.push(...snapshot.quiet_told.slice(0, MOST_QUIET).map((text) => `${text}.`));
  if (snapshot.health.stale) return { tone: "unsure", title: `Not known since ${clock(snapshot.time)}`, details };
  if (snapshot.health.error) return { tone: "unsure", title: `Nothing was anomalous at ${clock(snapshot.time)}`, details };
  if (snapshot.missed?.length) {
    details.push(...snapshot.missed.slice(0, MOST_QUIET));
    return { tone: "unsure", title: "Nothing that is judged is anomalous, but", details };
  }
  return { tone: "good", title: "Nothing is anomalous now", details };
}

/** "shop/web.latency is 127 ms slower than usual". */
export function deviation({ symptom, gap, unit, state }, snapshot) {
  const role = signalOf(symptom, snapshot)?.role;
  const [more, less] = role === "latency" ? ["slower than", "faster than"] : ["above", "below"];
  return `${symptom} ${verb(state)} ${quantity(Math.abs(gap), unit)} ${gap >= 0 ? more : less} usual`;
}

function verb(state) {
  return state === "ended" ? "was" : "is";
}

/** The configured signal of a variable's shown name. */
export function signalOf(shown, snapshot) {
  return snapshot.signals.find((one) => shown === one.signal || shown.endsWith(`.${one.signal}`));
}

/** The variable drawn first: the root cause's, else a symptom, else the first latency, else the first. */
export function firstVariable(snapshot, found) {
  const [cause] = culprits(snapshot);
  const wrong = snapshot.anomalies.find((one) => one.entity === cause) ?? snapshot.anomalies[0];
  if (wrong && found.has(wrong.symptom)) return wrong.symptom;
  const latency = snapshot.signals.find((one) => one.role === "latency")?.signal;
  const all = ordered(found);
  return (all.find((one) => one.signal === latency) ?? all[0])?.name ?? "";
}

/** How an effect is shown in the drop-down, as the panels show it. */
export function effectName({ treatment, outcome }) {
  const cut = treatment.lastIndexOf(".");
  const entity = treatment.slice(0, cut);
  return outcome.startsWith(`${entity}.`)
    ? `${entity}: ${treatment.slice(cut + 1)} → ${outcome.slice(entity.length + 1)}`
    : `${treatment} → ${outcome}`;
}

/** The effect drawn first: of the root cause on a symptom, else on a symptom, else the first. */
export function firstEffect(snapshot, found) {
  const [cause] = culprits(snapshot);
  const felt = symptoms(snapshot, found).map((one) => one.symptom);
  const on = snapshot.effects.filter((one) => felt.includes(one.outcome));
  const from = on.find((one) => one.treatment.startsWith(`${cause}.`));
  const chosen = from ?? on[0] ?? snapshot.effects[0];
  return chosen ? effectName(chosen) : "";
}

/** The impact of the intervention that began last; else one without numbers, which says why; null without any. */
export function newestImpact({ impacts }) {
  return [...impacts].sort((a, b) => (b.began ?? 0) - (a.began ?? 0))[0] ?? null;
}

/** Which units an effect is in: of the outcome, and "per" what of the treatment. */
export function effectUnits(effect, snapshot) {
  const treatment = signalOf(effect.treatment, snapshot);
  const unit = signalOf(effect.outcome, snapshot)?.unit ?? "";
  if (treatment?.kind === "event") return { unit, per: treatment.signal.replace(/s$/, "") };
  const own = scaleOf(treatment?.unit ?? "", 1).name.replace(/^cores$/, "core");
  return { unit, per: own || "unit" };
}

function listed(names) {
  const shown = names.length > 3 ? [...names.slice(0, 2), `${names.length - 2} more`] : names;
  return shown.length < 2 ? shown.join("") : `${shown.slice(0, -1).join(", ")} and ${shown.at(-1)}`;
}
