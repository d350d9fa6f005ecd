/** The sections of incidents: those that go on as stories, those that are over as rows. */

import { $, bar, breakable, changed, el, replace, table } from "./dom.js";
import { count, moment, percent, span } from "./format.js";
import { inGrafana } from "./links.js";
import { marks } from "./marks.js";
import * as story from "./story.js";

/** Each open incident as a story: since when, what makes up the gap, who is affected, what to do. */
export function showStories(snapshot, found, choose) {
  const place = $("#stories");
  const all = story.open(snapshot, found);
  if (!changed(place, all, [...found.keys()])) return;
  replace(place, ...all.map((one) => article(one, all.length > 1, snapshot, found, choose)));
}

function article(one, several, snapshot, found, choose) {
  return el(
    "article",
    { class: one.roots.length ? "card" : "card unsure" },
    several ? el("h2", {}, story.title(one)) : null,
    several && one.summary ? el("p", {}, one.summary) : null,
    one.start === null ? null : el("p", { class: "small" }, since(one, snapshot.time), ...inGrafana(one, snapshot.time)),
    el("div", { class: "told" }, sum(one, snapshot, found, choose), el("div", {}, ...affected(one), ...todo(one), ...before(one))),
    one.start === null ? null : marks(one.incident),
  );
}

function since({ start, incident }, now) {
  return `Since ${moment(start, now)}, for ${span(now - start)}. Incident ${incident}.`;
}

/** The symptom's gap, and below it what adds up to it. */
function sum(one, snapshot, found, choose) {
  const heading = el("th", { scope: "col", colspan: 3 }, story.deviation(one, snapshot));
  const rows = story.parts(one).map((part) => {
    const named = part.is_root_cause;
    const sure = named && part.confidence !== null ? el("span", { class: "sure" }, ` ${percent(part.confidence)} sure`) : null;
    return el(
      "tr",
      { class: named ? "named" : part.kind },
      el("td", { class: "number" }, part.amount),
      el("td", { class: "share" }, bar(part.share), el("span", {}, percent(part.share))),
      el("th", { scope: "row" }, drawable(part, found, choose), ...(named ? [" ", el("span", { class: "verdict broke" }, "broke")] : []), sure),
    );
  });
  return el("table", {}, el("thead", {}, el("tr", {}, heading)), el("tbody", {}, ...rows));
}

function drawable({ name, entity, signal }, found, choose) {
  const variable = `${entity}.${signal}`;
  if (!found.has(variable)) return breakable(name);
  return el("button", { type: "button", title: `draw ${variable}`, click: () => choose(variable) }, breakable(name));
}

const MOST_AFFECTED = 12;

function affected({ affected: names }) {
  if (!names.length) return [];
  const more = names.length > MOST_AFFECTED ? [` and ${names.length - MOST_AFFECTED} more`] : [];
  const shown = names.slice(0, MOST_AFFECTED).flatMap((name, index) => [index ? ", " : "", breakable(name)]);
  return [el("h3", {}, `Affected: ${count(names.length, "entity", "entities")}`), el("p", {}, ...shown, ...more)];
}

function todo({ suggestions }) {
  if (!suggestions.length) return [];
  return [el("h3", {}, "What to do"), el("ul", {}, ...suggestions.map((text) => el("li", {}, ...linked(text))))];
}

/** Earlier incidents like it, and what ended them. */
function before({ seen_before: seen = [] }) {
  if (!seen.length) return [];
  return [el("h3", {}, "Seen before"), el("ul", {}, ...seen.map((earlier) => el("li", {}, breakable(earlier.told))))];
}

/** A text whose web addresses can be followed. */
function linked(text) {
  return text.split(/(https?:\/\/[^\s<>"]*[^\s<>".,;:!?)])/).map((part, index) => (index % 2 ? el("a", { href: part, rel: "noreferrer" }, part) : part));
}

const MOST_ENDED = 20;

/** Incidents that are over, the newest first. */
export function showEnded(snapshot) {
  const place = $("#ended .body");
  const ended = snapshot.incidents.filter((one) => one.state === "ended");
  if (!changed(place, ended)) return;
  if (!ended.length) return void replace(place, el("p", { class: "quiet" }, "No incident has ended lately."));
  const rows = ended.slice(0, MOST_ENDED).map((one) =>
    el(
      "tr",
      {},
      el("td", { class: "when" }, moment(one.start, snapshot.time)),
      el("td", { class: "when" }, span(one.end - one.start)),
      el("td", {}, el("p", {}, story.title(one)), el("p", { class: "small" }, story.told(one, snapshot), ...inGrafana(one, snapshot.time))),
    ),
  );
  const more = ended.length > MOST_ENDED ? `${ended.length - MOST_ENDED} earlier ones are at /api/v1/incidents.` : "";
  replace(place, table(more, ["began", "lasted", "what happened"], [], [el("tbody", {}, ...rows)]));
}
