/** Panels. Table, lines and numbers are Grafana's components; the rest stands for panels that no library has. */

import { FieldType, PanelPlugin, cacheFieldDisplayNames, getDisplayProcessor, getFieldDisplayName, getFieldDisplayValues, renderMarkdown } from "@grafana/data";
import { BarGauge, BigValue, TimeSeries, VizRepeater, getCellLinks, useTheme2 } from "@grafana/ui";
import { TableNG } from "@grafana/ui/unstable";
import { useEffect, useLayoutEffect, useRef } from "react";

const CUSTOM = [
  "width", "minWidth", "align", "cellOptions", "wrapText", "hideFrom", "hidden", "inspect", "filterable", "lineWidth", "lineStyle", "fillBelowTo", "fillOpacity",
  "drawStyle", "showPoints", "pointSize", "spanNulls", "scaleDistribution", "thresholdsStyle", "axisLabel", "axisPlacement",
  "axisSoftMin", "axisSoftMax", "axisColorMode", "axisBorderShow", "lineInterpolation", "gradientMode", "stacking", "insertNulls",
];
const DRAWN = { drawStyle: "line", lineInterpolation: "linear", lineWidth: 1, fillOpacity: 0, showPoints: "never", axisPlacement: "auto" };

function plugin(id, component, defaults = {}) {
  const made = new PanelPlugin(component).useFieldConfig({
    useCustomConfig: (builder) => {
      for (const path of CUSTOM) {
        builder.addCustomEditor({
          id: path, path, name: path, editor: () => null, override: () => null, process: (value) => value, shouldApply: () => true,
          defaultValue: defaults[path], settings: {}, getItemsCount: () => 0,
        });
      }
    },
  });
  made.setDataSupport({ annotations: true, alertStates: true });
  made.meta = { id, name: id, type: "panel", module: "", baseUrl: "", info: { version: "13.1.1", logos: {} }, state: undefined };
  return made;
}

/** What a panel says that has nothing to show: Grafana's PanelDataErrorView. */
function Nothing({ fieldConfig }) {
  const told = fieldConfig.defaults.noValue;
  return <div className="nothing" data-nothing={told ? "told" : "no data"}>{told ?? "No data"}</div>;
}

const empty = (series) => !series.length || series.every((frame) => !frame.fields.length || !frame.length);

function Table({ data, width, height, options, fieldConfig, timeRange }) {
  if (empty(data.series)) return <Nothing fieldConfig={fieldConfig} />;
  cacheFieldDisplayNames(data.series);
  return (
    <TableNG
      data={data.series[0]} width={width} height={height} noHeader={!options.showHeader} cellHeight={options.cellHeight} sortBy={options.sortBy}
      timeRange={timeRange} fieldConfig={fieldConfig} structureRev={data.structureRev} noValue={fieldConfig.defaults.noValue} getActions={() => []}
      enableVirtualization={false} frozenColumns={options.frozenColumns?.left} maxRowHeight={options.maxRowHeight}
    />
  );
}

/** Regions of annotations, as Grafana's own plugin draws them: filled, with a bar below. */
function Regions({ config, known, plot }) {
  const theme = useTheme2();
  useLayoutEffect(() => {
    config.addHook("init", (u) => { plot.current = u; });
    config.addHook("draw", (u) => {
      u.ctx.save();
      known.current.forEach((frame, layer) => {
        const at = (name) => frame.fields.find((one) => one.name === name)?.values ?? [];
        at("time").forEach((time, row) => {
          const [from, to] = [u.valToPos(time, "x", true), u.valToPos(at("timeEnd")[row] ?? time, "x", true)];
          const left = Math.max(from, u.bbox.left);
          const right = Math.min(Math.max(to, from + 2), u.bbox.left + u.bbox.width);
          u.ctx.fillStyle = theme.visualization.getColorByName(at("color")[row] ?? "red");
          u.ctx.globalAlpha = 0.1;
          u.ctx.fillRect(left, u.bbox.top, right - left, u.bbox.height);
          u.ctx.globalAlpha = 0.9;
          u.ctx.fillRect(left, u.bbox.top + u.bbox.height + 5 * layer, right - left, 4);
        });
      });
      u.ctx.restore();
    });
  }, [config]);
  return null;
}

function Lines({ data, width, height, options, fieldConfig, timeRange, timeZone }) {
  const known = useRef([]);
  const plot = useRef();
  known.current = data.annotations ?? [];
  useEffect(() => plot.current?.redraw(false), [data.annotations]);
  const frames = data.series.filter((frame) => frame.fields.some((one) => one.type === FieldType.number) && frame.fields.some((one) => one.type === FieldType.time));
  if (empty(frames)) return <Nothing fieldConfig={fieldConfig} />;
  const aligned = frames.map((frame) => ({ ...frame, fields: frame.fields.map((one) => ({ ...one, state: { ...one.state } })) }));
  return (
    <div data-regions={known.current.reduce((sum, one) => sum + one.length, 0)}>
    <TimeSeries frames={aligned} structureRev={data.structureRev} timeRange={timeRange} timeZone={timeZone} width={width} height={height} legend={options.legend} options={options}>
      {(config) => <Regions config={config} known={known} plot={plot} />}
    </TimeSeries>
    </div>
  );
}

function Stat({ data, width, height, options, fieldConfig, replaceVariables, timeZone }) {
  const theme = useTheme2();
  const values = () => getFieldDisplayValues({ fieldConfig, reduceOptions: options.reduceOptions, replaceVariables, theme, data: data.series, timeZone });
  const render = ({ value, width: w, height: h, count }) => (
    <BigValue
      value={value.display} width={w} height={h} count={count} theme={theme} colorMode={options.colorMode} graphMode={options.graphMode}
      justifyMode={options.justifyMode ?? "auto"} textMode={options.textMode} text={options.text} wideLayout={options.wideLayout}
    />
  );
  return (
    <VizRepeater getValues={values} getAlignmentFactors={() => ({})} renderValue={render} source={data} width={width} height={height} orientation={options.orientation ?? "auto"} renderCounter={0} autoGrid />
  );
}

function Bars({ data, width, height, options, fieldConfig, replaceVariables, timeZone }) {
  const theme = useTheme2();
  if (empty(data.series)) return <Nothing fieldConfig={fieldConfig} />;
  const values = () => getFieldDisplayValues({ fieldConfig, reduceOptions: options.reduceOptions, replaceVariables, theme, data: data.series, timeZone });
  const render = ({ value, width: w, height: h, orientation }) => (
    <BarGauge
      value={value.display} field={value.field} width={w} height={h} orientation={orientation} theme={theme} itemSpacing={8} lcdCellWidth={12}
      display={value.view?.getFieldDisplayProcessor(value.colIndex)} displayMode={options.displayMode} showUnfilled valueDisplayMode={options.valueMode} namePlacement={options.namePlacement} text={options.text}
    />
  );
  return (
    <VizRepeater getValues={values} getAlignmentFactors={() => ({})} renderValue={render} source={data} width={width} height={height} orientation="horizontal" renderCounter={0} minVizHeight={16} itemSpacing={6} />
  );
}

function Timeline({ data, width, height, fieldConfig, timeRange }) {
  const theme = useTheme2();
  const rows = data.series.flatMap((frame) => {
    const time = frame.fields.find((one) => one.type === FieldType.time);
    return time ? frame.fields.filter((one) => one !== time).map((field) => ({ name: getFieldDisplayName(field, frame, data.series), field, times: time.values })) : [];
  });
  if (!rows.length) return <Nothing fieldConfig={fieldConfig} />;
  const [from, to] = [timeRange.from.valueOf(), timeRange.to.valueOf()];
  const label = Math.min(200, width / 3);
  const row = Math.min(30, (height - 18) / rows.length);
  const x = (time) => label + ((time - from) / (to - from)) * (width - label);
  return (
    <svg width={width} height={height} className="timeline">
      {rows.map(({ name, field, times }, index) => {
        const display = field.display ?? getDisplayProcessor({ field, theme });
        const cells = times.map((time, i) => [x(time), x(times[i + 1] ?? Math.min(to, time + 30_000)), display(field.values[i]).color, field.values[i]]);
        return (
          <g key={index} transform={`translate(0 ${index * row})`}>
            <text x={label - 6} y={row / 2 + 4} textAnchor="end" fill={theme.colors.text.primary} fontSize={12}>{name.length > 30 ? `${name.slice(0, 29)}…` : name}</text>
            {cells.map(([left, right, color, value], i) => value === null ? null : <rect key={i} x={left} width={Math.max(1, right - left + 1)} y={1} height={row - 3} fill={color} />)}
          </g>
        );
      })}
    </svg>
  );
}

function Trend({ data, width, height, options, fieldConfig }) {
  const theme = useTheme2();
  const frame = data.series.find((one) => one.fields.some((field) => field.name === options.xField));
  if (!frame || !frame.length) return <Nothing fieldConfig={fieldConfig} />;
  const x = frame.fields.find((field) => field.name === options.xField);
  const lines = frame.fields.filter((field) => field !== x && field.type === FieldType.number);
  const all = lines.flatMap((one) => one.values).filter(Number.isFinite);
  const [low, high, first, last] = [Math.min(0, ...all), Math.max(0, ...all), Math.min(...x.values), Math.max(...x.values)];
  const px = (value) => 10 + ((value - first) / (last - first || 1)) * (width - 20);
  const py = (value) => height - 24 - ((value - low) / (high - low || 1)) * (height - 34);
  return (
    <svg width={width} height={height} data-lines={lines.length}>
      {lines.map((one) => <polyline key={one.name} fill="none" stroke={one.display?.(1).color ?? theme.colors.text.primary} points={one.values.map((value, i) => `${px(x.values[i])},${py(value)}`).join(" ")} />)}
      {x.values.map((value, i) => <text key={i} x={px(value)} y={height - 6} fontSize={11} textAnchor="middle" fill={theme.colors.text.secondary}>{value}</text>)}
    </svg>
  );
}

/** Circles with arcs, and arrows: what the panel would refuse is refused here. */
function NodeGraph({ data, width, height, fieldConfig }) {
  const theme = useTheme2();
  const has = (frame, name) => frame.fields.some((one) => one.name === name);
  const edges = data.series.find((frame) => has(frame, "source") && has(frame, "target"));
  const nodes = data.series.find((frame) => frame !== edges && has(frame, "id"));
  if (!nodes?.length) return <Nothing fieldConfig={fieldConfig} />;
  const rows = (frame) => Array.from({ length: frame?.length ?? 0 }, (_, i) => Object.fromEntries(frame.fields.map((one) => [one.name, one.values[i]])));
  const all = rows(nodes);
  const places = new Map(all.map((one, i) => [one.id, [width / 2 + (width / 2 - 90) * Math.cos((2 * Math.PI * i) / all.length), height / 2 + (height / 2 - 55) * Math.sin((2 * Math.PI * i) / all.length)]]));
  for (const edge of rows(edges)) {
    for (const end of [edge.source, edge.target]) if (!places.has(end)) throw new Error(`an edge leads to '${end}', which is no node`);
    if (edge.id === undefined) throw new Error("an edge has no id");
  }
  const arcs = nodes.fields.filter((one) => one.name.startsWith("arc__"));
  for (const one of all) {
    const sum = arcs.reduce((total, arc) => total + (one[arc.name] ?? 0), 0);
    if (arcs.length && Math.abs(sum - 1) > 1e-6) throw new Error(`the arcs of ${one.id} add up to ${sum}`);
  }
  const shade = (name) => theme.visualization.getColorByName(name);
  return (
    <svg width={width} height={height} data-nodes={all.length} data-edges={edges?.length ?? 0}>
      <defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="6" markerHeight="6" orient="auto"><path d="M0 0L8 4L0 8Z" fill="context-stroke" /></marker></defs>
      {rows(edges).map((one) => {
        const [[x1, y1], [x2, y2]] = [places.get(one.source), places.get(one.target)];
        const long = Math.hypot(x2 - x1, y2 - y1) || 1;
        const cut = 22 / long;
        return <line key={one.id} x1={x1 + (x2 - x1) * cut} y1={y1 + (y2 - y1) * cut} x2={x2 - (x2 - x1) * cut} y2={y2 - (y2 - y1) * cut} stroke={shade(one.color || "gray")} strokeWidth={Math.max(1, one.thickness ?? 1)} markerEnd="url(#tip)" />;
      })}
      {all.map((one) => {
        const [x, y] = places.get(one.id);
        let from = 0;
        return (
          <g key={one.id} transform={`translate(${x} ${y})`}>
            <circle r={20} fill={theme.colors.background.secondary} />
            {arcs.map((arc) => {
              const share = one[arc.name] ?? 0;
              const start = from;
              from += share;
              return share > 0 ? <circle key={arc.name} r={20} fill="none" strokeWidth={4} stroke={shade(arc.config.color?.fixedColor ?? "gray")} strokeDasharray={`${share * 125.7} 125.7`} strokeDashoffset={-start * 125.7} /> : null;
            })}
            <text y={4} textAnchor="middle" fontSize={10} fill={theme.colors.text.primary}>{typeof one.mainstat === "number" ? one.mainstat.toPrecision(2) : one.mainstat}</text>
            <text y={34} textAnchor="middle" fontSize={11} fill={theme.colors.text.primary}>{one.title}</text>
            <text y={46} textAnchor="middle" fontSize={10} fill={theme.colors.text.secondary}>{one.subtitle}</text>
          </g>
        );
      })}
    </svg>
  );
}

function Text({ options, replaceVariables }) {
  return <div className="markdown-html" dangerouslySetInnerHTML={{ __html: renderMarkdown(replaceVariables(options.content)) }} />;
}

const text = plugin("text", Text);
text.meta.skipDataQuery = true;

export const panels = Object.fromEntries(
  [
    plugin("table", Table, { cellOptions: { type: "auto" }, inspect: false }), plugin("timeseries", Lines, DRAWN), plugin("stat", Stat),
    plugin("bargauge", Bars), plugin("state-timeline", Timeline), plugin("trend", Trend), plugin("nodeGraph", NodeGraph), text,
  ].map((one) => [one.meta.id, one]),
);
