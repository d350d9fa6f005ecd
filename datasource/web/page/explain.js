/** A row of the page: which label values carry the change of a PromQL query between two times. */

import { el, table } from "./dom.js";
import { digits, percent } from "./format.js";

const PATIENCE_MS = 8000;
const AGAIN_MS = 2000;
const TIMES = 30;  // the service is asked

const input = (name, value, more) => el("input", { name, value, spellcheck: "false", autocomplete: "off", ...more });
const signals = el("select", { "aria-label": "A signal's query", change: choose }, el("option", { value: "" }, "a signal …"));
const query = input("query", "", { required: "", size: 60, placeholder: "sum(rate(errors_total[5m])) / sum(rate(requests_total[5m]))" });
const from = input("from", "-1h", { size: 20 });
const to = input("to", "now", { size: 20 });
const answer = el("div", { class: "body", role: "status" });
const form = el(
  "form",
  { class: "title", submit: (event) => { event.preventDefault(); explain(); } },
  signals,
  el("label", {}, "Query ", query),
  el("label", {}, "from ", from),
  el("label", {}, "to ", to),
  el("button", {}, "Explain"),
);
const row = el(
  "details",
  { id: "explain", class: "card", toggle: () => row.open && offer() },
  el("summary", {}, "Which label values carry a change?"),
  form,
  answer,
);
document.head.append(el("link", { rel: "stylesheet", href: "page/explain.css" }));
document.querySelector("#ended").after(row);

let asked = 0;

function choose() {
  if (!signals.value) return;
  query.value = signals.value;
  explain();
}

/** The queries of the settings, and when the open incident began. */
async function offer() {
  if (signals.options.length > 1) return;
  try {
    const [options, open] = await Promise.all([
      post("metric-payload-options", { metric: "explain", name: "query" }),
      ask("api/v1/incidents?state=open", { cache: "no-store" }),
    ]);
    const start = Math.min(...open.map((one) => one.start));
    if (Number.isFinite(start) && from.value === "-1h") from.value = new Date((start - 600) * 1000).toISOString().slice(0, 19) + "Z";
    signals.append(...options.map(({ label, value }) => el("option", { value }, label)));
  } catch (error) {
    answer.replaceChildren(error.message);
  }
}

function post(path, body) {
  return ask(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
}

/** JSON of a door. Throws an error with the service's own message and its status. */
async function ask(path, options) {
  const response = await fetch(path, { ...options, signal: AbortSignal.timeout(PATIENCE_MS) });
  const data = await response.json().catch(() => ({ message: `HTTP ${response.status}, not JSON` }));
  if (!response.ok) throw Object.assign(new Error(data.message), { status: response.status });
  return data;
}

async function explain() {
  const mine = (asked += 1);
  const words = new URLSearchParams({ query: query.value, from: from.value, to: to.value });
  for (let times = 0; times < TIMES && mine === asked; times += 1) {
    if (!times) answer.replaceChildren("asking Prometheus …");
    try {
      const data = await ask(`api/v1/explain?${words}`, { cache: "no-store" });
      if (mine === asked) answer.replaceChildren(...told(data));
      return;
    } catch (error) {
      if (mine !== asked) return;
      answer.replaceChildren(error.message);
      if (error.status !== 503) return;
    }
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
}

function told(found) {
  const change = `${digits(found.before)} → ${digits(found.after)}`;
  return [
    el("p", {}, el("strong", {}, found.sentence), ` (${change})`),
    stories(found),
    ...Object.entries({ ...found.by_label, ...found.counted }).map(([label, parts]) => values(label, parts)),
    el("ul", { class: "notices" }, ...found.notices.map((text) => el("li", {}, text))),
  ].filter((one) => one !== null);
}

const NUMBERS = [["carries", "its share of the change"], ["adds", "in the query's unit"], ["before", ""], ["after", ""]];

function stories(found) {
  const rows = [...found.parts, found.rest].map((part) => line(named(part.labels), part));
  return table("Together they are the whole change.", ["label values"], NUMBERS, [el("tbody", {}, ...rows)]);
}

function values(label, parts) {
  const rows = parts.slice(0, 10).map((part) => line(part.labels[label] || "(none)", part));
  const left = parts.length > 10 ? `, ${parts.length - 10} more` : "";
  const caption = `By ${label}, ${parts.length} values${left ? `; the first 10 are shown${left}` : ""}.`;
  return el("details", {}, el("summary", {}, `by ${label}`), table(caption, [label], NUMBERS, [el("tbody", {}, ...rows)]));
}

function line(name, part) {
  const cells = [part.share === null ? "n/a" : share(part.share), digits(part.effect), digits(part.before), digits(part.after)];
  return el("tr", {}, el("th", { scope: "row" }, name), ...cells.map((text) => el("td", { class: "number" }, text)));
}

function share(value) {
  return value < 0 ? `-${percent(-value)}` : percent(value);
}

function named(labels) {
  return Object.entries(labels).map(([name, value]) => (value ? `${name}=${value}` : `no ${name}`)).join(", ") || "all others";
}
