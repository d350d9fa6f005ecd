/** What a snapshot says, in words. Pure: a snapshot in, texts and rows out. */

import { clock, count, quantity, scaleOf } from "./format.js";

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

/** The headline: {tone, title, details}; tone is bad, unsure, wait or good. */
export function headline(snapshot, found) {
  if (snapshot.warming_up) return warming(snapshot);
  if (!snapshot.anomalies.length) return quiet(snapshot, found);
  const causes = culprits(snapshot);
  const all = symptoms(snapshot, found);
  if (!causes.length) {
    const entities = listed(snapshot.anomalies.map((one) => one.entity));
    const title = `${entities} ${snapshot.anomalies.length === 1 ? "is" : "are"} anomalous, the cause is not known`;
    return { tone: "unsure", title, details: all.slice(0, 2).map((one) => `${deviation(one, snapshot)}.`) };
  }
  const details = causes.slice(0, 3).map((cause) => explanation(cause, all, snapshot));
  return { tone: "bad", title: `${listed(causes)} broke`, details: details.filter(Boolean) };
}

function warming(snapshot) {
  const text = snapshot.warming_up;
  return {
    tone: "wait",
    title: text[0].toUpperCase() + text.slice(1),
    details: [
      "Expected values and scores begin when enough of the past is known; nothing can be said about causes before.",
    ],
    progress: snapshot.points_needed ? snapshot.points / snapshot.points_needed : 0,
  };
}

function quiet(snapshot, found) {
  const entities = new Set([...found.values()].map((one) => one.entity));
  const size = `${count(found.size, "variable")} of ${count(entities.size, "entity").replace("entitys", "entities")}`;
  const details = [`${size} were compared with what is usual, and with what their causes say, at ${clock(snapshot.time)}.`];
  if (snapshot.health.stale) return { tone: "unsure", title: `Not known since ${clock(snapshot.time)}`, details };
  if (snapshot.health.error) return { tone: "unsure", title: `Nothing was anomalous at ${clock(snapshot.time)}`, details };
  return { tone: "good", title: "Nothing is anomalous now", details };
}

function explanation(cause, all, snapshot) {
  const explained = all.find((one) => one.causes.some((part) => part.entity === cause));
  if (!explained) return "";
  const part = explained.causes.filter((one) => one.entity === cause).reduce((sum, one) => sum + one.contribution, 0);
  const scale = scaleOf(explained.unit, explained.gap);
  const amount = quantity(Math.abs(part), explained.unit, scale);
  const own = explained.symptom.startsWith(`${cause}.`);
  return `${deviation(explained, snapshot)}, ${amount} of it ${own ? "its own" : `from ${cause}`}.`;
}

/** "shop/web.latency is 127 ms slower than usual". */
export function deviation({ symptom, gap, unit }, snapshot) {
  const role = signalOf(symptom, snapshot)?.role;
  const [more, less] = role === "latency" ? ["slower than", "faster than"] : ["above", "below"];
  return `${symptom} is ${quantity(Math.abs(gap), unit)} ${gap >= 0 ? more : less} usual`;
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
