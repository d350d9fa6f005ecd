/** Asks the service that served this page, and nobody else. */

const PATIENCE_MS = 8000;
const SCORES = ["causal_anomaly_score", "causal_marginal_anomaly_score", "causal_observed_value"];

/** The service answered, but has no result; the message is its own. */
export class NotYet extends Error {}

/** The service did not answer, or something else answered in its place. */
export class NoAnswer extends Error {}

/** The newest snapshot, and how far (ms) this machine's clock is ahead of the service's. */
export async function askSnapshot() {
  const names = SCORES.map((name) => `name=${name}`).join("&");
  const { data, date } = await ask(`api/v1/snapshot?${names}`, { cache: "no-store" });
  return { ...data, ahead: date ? Date.now() - Date.parse(`${date} GMT`) : 0 };
}

/** The frame of one variable's observed and expected values over `hours` up to `end` (seconds), or why there is none. */
export async function askSeries(variable, end, hours) {
  const iso = (seconds) => new Date(seconds * 1000).toISOString();
  const body = {
    range: { from: iso(end - hours * 3600), to: iso(end) },
    maxDataPoints: 720,
    targets: [{ refId: "A", target: "expected_value", payload: { entity: variable.entity, signal: variable.signal } }],
  };
  const { data } = await post("query", body);
  const frame = data.find((one) => one.name === `${variable.entity}.${variable.signal}`);
  if (!frame) throw new NotYet(data[0]?.meta?.notices?.[0]?.text ?? "there is nothing to draw");
  return Object.fromEntries(frame.fields.map((field) => [field.name, field.values]));
}

/** Of one intervention on one variable what was seen and what would have been, as the frame of a variable. */
export async function askImpact({ intervention, start, end }, outcome, now) {
  const iso = (seconds) => new Date(seconds * 1000).toISOString();
  const around = Math.max(3600, (end ?? now) - start);
  const body = {
    range: { from: iso(start - around), to: iso(Math.min(now, (end ?? now) + around)) },
    maxDataPoints: 720,
    targets: [{ refId: "A", target: "intervention_impact", payload: { intervention: String(intervention), outcome, view: "course" } }],
  };
  const { data } = await post("query", body);
  const fields = Object.fromEntries(data[0].fields.map((field) => [field.name, field.values]));
  if (!fields.counterfactual) throw new NotYet(data[0].meta?.notices?.[0]?.text ?? "there is nothing to draw");
  return {
    time: fields.time,
    causal_observed_value: fields.observed,
    causal_expected_value: fields.counterfactual,
    causal_expected_lower: fields.counterfactual_lower,
    causal_expected_upper: fields.counterfactual_upper,
  };
}

/** Which experiments and measurements would tell more. */
export async function askNext() {
  return (await ask("api/v1/interventions/next", { cache: "no-store" })).data;
}

/** Who acts on whom: {nodes: names, edges: [cause, effect, what the edge is by its evidence]}. */
export async function askGraph(end) {
  const iso = new Date(end * 1000).toISOString();
  const body = { range: { from: iso, to: iso }, targets: [{ refId: "A", target: "causal_graph", payload: { show: "entities" } }] };
  const { data } = await post("query", body);
  const column = (frame, name) => data.find((one) => one.name === frame)?.fields.find((one) => one.name === name)?.values ?? [];
  const [targets, standings] = [column("edges", "target"), column("edges", "detail__standing")];
  return { nodes: column("nodes", "id"), edges: column("edges", "source").map((source, row) => [source, targets[row], standings[row]]) };
}

/** Say something of an incident; gives what the service answers. */
export async function sendMark(incident, action, token, texts) {
  const { data } = await post(`api/v1/incidents/${encodeURIComponent(incident)}/${action}`, texts, { Authorization: `Bearer ${token}` });
  return data.message;
}

function post(path, body, headers = {}) {
  return ask(path, { method: "POST", headers: { "Content-Type": "application/json", ...headers }, body: JSON.stringify(body) });
}

async function ask(path, options) {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const response = await fetch(path, { ...options, signal }).catch((error) => fail(error.message));
  const data = await response.json().catch(() => fail(`HTTP ${response.status}, not JSON`));
  if (!response.ok) throw data.message ? new NotYet(data.message) : new NoAnswer(`HTTP ${response.status}`);
  return { data, date: response.headers.get("date")?.split(" GMT")[0] };
}

function fail(why) {
  throw new NoAnswer(why);
}
