/** Links to Grafana at a time, where the settings say where it is (web.grafana_url). */

import { $, el } from "./dom.js";

const AROUND = 1800; // seconds before and after an incident

/** The link to an incident's dashboard; nothing where no Grafana is known. */
export function inGrafana({ incident, start, end }, now) {
  const base = $("meta[name=grafana]").content;
  if (!base || !incident) return [];
  const [from, to] = [start - AROUND, Math.min((end ?? now) + AROUND, Math.max(now, end ?? now))];
  const query = new URLSearchParams({ "var-incident": incident, from: Math.round(from * 1000), to: Math.round(to * 1000) });
  return [" ", el("a", { href: `${base}/d/causal-incident?${query}`, rel: "noreferrer", "data-key": `grafana ${incident}` }, "In Grafana")];
}
