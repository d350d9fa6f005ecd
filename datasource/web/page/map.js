/** The map: who acts on whom, laid out from where users come in, with the path of what goes on lit. */

import { $, changed, el, replace, svg } from "./dom.js";
import { count } from "./format.js";
import * as story from "./story.js";

const [ROW, BOX, LETTER, MARGIN] = [38, 26, 7.2, 12];
const MOST = 40;
const JUDGED = ["refuted", "doubtful", "confirmed"];
const SAID = { broke: "broke", suffers: "suffers", anomalous: "anomalous", fine: "fine" };

/** What the map shows of a graph {nodes, edges}: nodes in layers, pairs of them, and the lit steps. Pure. */
export function layout(graph, snapshot, found) {
  const verdicts = new Map(snapshot.anomalies.map((one) => [one.entity, story.verdict(one)]));
  const open = snapshot.incidents.filter((one) => one.state === "open");
  const lit = open.flatMap((one) => one.path).map(({ cause, effect }) => [cause, effect]);
  const near = neighbours([...graph.edges, ...lit]);
  const all = [...new Set([...graph.nodes, ...lit.flat()])];
  const shown = all.length > MOST ? important(all, near, verdicts, lit) : all;
  const entries = open.map((one) => found.get(one.symptom)?.entity).filter((one) => shown.includes(one));
  const layers = inLayers(shown, near, entries.length ? entries : [busiest(shown, snapshot, found)]);
  const measured = new Set(graph.nodes);
  return {
    layers: layers.map((names) => names.map((name) => ({ name, verdict: verdicts.get(name) ?? "fine", measured: measured.has(name) }))),
    pairs: pairs(graph.edges).filter(([a, b]) => shown.includes(a) && shown.includes(b)),
    lit: [...new Map(lit.map((step) => [step.join(" "), step])).values()],
    left: all.length - shown.length,
  };
}

function neighbours(edges) {
  const near = new Map();
  const add = (a, b) => near.set(a, (near.get(a) ?? new Set()).add(b));
  for (const [a, b] of edges) {
    add(a, b);
    add(b, a);
  }
  return near;
}

/** Of a large map those that are anomalous or on the path, and whoever is tied to them. */
function important(all, near, verdicts, lit) {
  const first = new Set([...verdicts.keys(), ...lit.flat()]);
  const tied = new Set([...first].flatMap((one) => [one, ...(near.get(one) ?? [])]));
  return all.filter((one) => first.has(one) || tied.has(one)).slice(0, MOST);
}

/** Whom most is asked of: where users come in, while nothing else says so. */
function busiest(shown, snapshot, found) {
  const loads = snapshot.signals.filter((one) => one.role === "load").map((one) => one.signal);
  const asked = (name) => Math.max(0, ...loads.map((load) => found.get(`${name}.${load}`)?.observed ?? 0));
  return [...shown].sort((a, b) => asked(b) - asked(a))[0];
}

/** Names by how many steps they are away from the entries; those that nothing ties to them come last. */
function inLayers(shown, near, entries) {
  const layers = [];
  const seen = new Set();
  let layer = entries.filter((one) => one !== undefined);
  while (layer.length) {
    layers.push([...layer].sort());
    layer.forEach((one) => seen.add(one));
    const next = layer.flatMap((one) => [...(near.get(one) ?? [])]);
    layer = [...new Set(next)].filter((one) => shown.includes(one) && !seen.has(one));
  }
  const rest = shown.filter((one) => !seen.has(one));
  return rest.length ? [...layers, rest.sort()] : layers;
}

/** Edges without their direction; of two ways what weighs most is shown. */
function pairs(edges) {
  const found = new Map();
  for (const [a, b, standing] of edges) {
    if (a === b) continue;
    const key = [a, b].sort().join(" ");
    const both = [standing, found.get(key)?.[2]];
    found.set(key, [a, b, JUDGED.find((one) => both.includes(one)) ?? ""]);
  }
  return [...found.values()];
}

/** Draw it; a click on an entity draws one of its variables. */
export function showMap(graph, snapshot, found, choose) {
  const place = $("#map .drawing");
  const width = place.clientWidth;
  if (!width) return; // not laid out yet; it is drawn as soon as it is
  const drawn = layout(graph, snapshot, found);
  if (!changed(place, drawn, width, [...found.keys()])) return;
  if (!drawn.layers.length) return void replace(place, el("p", { class: "quiet" }, "The graph has no entities yet."));
  const rows = Math.max(...drawn.layers.map((one) => one.length));
  const height = rows * ROW + MARGIN;
  const at = new Map();
  const step = width / drawn.layers.length;
  drawn.layers.forEach((names, column) =>
    names.forEach(({ name }, row) => at.set(name, [step * (column + 0.5), MARGIN / 2 + ROW * (row + 0.5 + (rows - names.length) / 2)])),
  );
  const label = `Who acts on whom: ${drawn.layers.flat().map(({ name, verdict }) => `${name} ${SAID[verdict]}`).join(", ")}`;
  const drawing = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": label });
  const tip = svg("marker", { id: "tip", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto", markerUnits: "userSpaceOnUse" }, svg("path", { class: "tip", d: "M0 0L8 4L0 8Z" }));
  drawing.append(svg("defs", {}, tip));
  for (const [a, b, standing] of drawn.pairs) {
    const tie = line(`tie ${standing}`.trim(), at.get(a), at.get(b), 0);
    if (standing) tie.append(svg("title", {}, `${a} and ${b}: ${standing}`));
    drawing.append(tie);
  }
  const size = (name) => Math.min(step - 10, name.length * LETTER + 16);
  for (const [cause, effect] of drawn.lit) {
    const path = line("lit", at.get(cause), at.get(effect), size(effect) / 2 + 3);
    path.setAttribute("marker-end", "url(#tip)");
    drawing.append(path);
  }
  for (const one of drawn.layers.flat()) drawing.append(node(one, at.get(one.name), size(one.name), found, choose));
  const left = drawn.left ? [el("p", { class: "small" }, `and ${count(drawn.left, "entity", "entities")} that are fine`)] : [];
  replace(place, drawing, ...left);
}

/** A line that ends `before` its target, measured along the larger of its two sides. */
function line(kind, [x1, y1], [x2, y2], before) {
  const [dx, dy] = [x2 - x1, y2 - y1];
  const across = Math.abs(dx) < 1 ? Infinity : before / Math.abs(dx);
  const down = Math.abs(dy) < 1 ? Infinity : (BOX / 2 + 3) / Math.abs(dy);
  const cut = before ? Math.min(across, down, 0.9) : 0;
  return svg("line", { class: kind, x1, y1, x2: x2 - dx * cut, y2: y2 - dy * cut });
}

function node({ name, verdict, measured }, [x, y], width, found, choose) {
  const variable = [...found.values()].filter((one) => one.entity === name).sort((a, b) => (b.causal ?? 0) - (a.causal ?? 0))[0];
  const draw = () => choose(variable.name);
  const acts = variable
    ? { role: "button", tabindex: 0, "data-key": `map ${name}`, click: draw, keydown: (event) => ["Enter", " "].includes(event.key) && (event.preventDefault(), draw()) }
    : {};
  const most = Math.floor((width - 8) / LETTER);
  const shown = name.length > most ? name.split("/").at(-1).slice(0, most) : name;
  return svg(
    "g",
    { class: `node ${verdict}${measured ? "" : " unmeasured"}`, transform: `translate(${x} ${y})`, "aria-label": `${name}: ${SAID[verdict]}`, ...acts },
    svg("title", {}, `${name}: ${SAID[verdict]}${measured ? "" : ", not measured"}`),
    svg("rect", { x: -width / 2, y: -BOX / 2, width, height: BOX, rx: 6 }),
    svg("text", { y: 4, "text-anchor": "middle" }, shown),
  );
}
