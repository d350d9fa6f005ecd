/** A dashboard's JSON as a scene, as Grafana 13 makes one of it on load. */

import {
  AdHocFiltersVariable, ConstantVariable, CustomVariable, DataSourceVariable, EmbeddedScene, QueryVariable, SceneControlsSpacer, SceneDataLayerSet, SceneDataTransformer,
  SceneGridItem, SceneGridLayout, SceneGridRow, SceneQueryRunner, SceneTimePicker, SceneTimeRange, SceneVariableSet, TextBoxVariable, VariableValueSelectors, VizPanel,
  SceneObjectBase, dataLayers, sceneGraph,
} from "@grafana/scenes";

const all = (one) => (one.includeAll ? { isMulti: one.multi, includeAll: true, allValue: one.allValue ?? undefined } : { isMulti: one.multi });

function variable(one) {
  const said = { name: one.name, label: one.label, description: one.description, hide: one.hide, skipUrlSync: one.skipUrlSync };
  const chosen = { value: one.current?.value ?? "", text: one.current?.text ?? "" };
  switch (one.type) {
    case "datasource":
      return new DataSourceVariable({ ...said, pluginId: one.query, regex: one.regex });
    case "query":
      return new QueryVariable({ ...said, ...chosen, ...all(one), datasource: one.datasource, query: one.query, regex: one.regex, sort: one.sort, refresh: one.refresh, definition: one.definition });
    case "custom":
      return new CustomVariable({ ...said, ...chosen, ...all(one), query: one.query });
    case "textbox":
      return new TextBoxVariable({ ...said, value: one.current?.value ?? one.query ?? "" });
    case "constant":
      return new ConstantVariable({ ...said, value: one.query });
    case "adhoc":
      return new AdHocFiltersVariable({ ...said, datasource: one.datasource, filters: [], layout: "vertical" });
    default:
      throw new Error(`the stand-in knows no variable of the type '${one.type}'`);
  }
}

function panel(one) {
  const queries = new SceneQueryRunner({ datasource: one.datasource, queries: one.targets, maxDataPoints: one.maxDataPoints, minInterval: one.interval });
  const data = { $data: one.targets?.length ? new SceneDataTransformer({ $data: queries, transformations: one.transformations ?? [] }) : undefined };
  return new VizPanel({
    key: `panel-${one.id}`, title: one.title, description: one.description, pluginId: one.type, options: one.options, fieldConfig: one.fieldConfig,
    pluginVersion: one.pluginVersion, displayMode: one.transparent ? "transparent" : "default", hoverHeader: !one.title, ...data,
  });
}

const item = (one) => new SceneGridItem({ key: `item-${one.id}`, x: one.gridPos.x, y: one.gridPos.y, width: one.gridPos.w, height: one.gridPos.h, body: panel(one) });

function children(panels) {
  const found = [];
  let row = null;
  for (const one of panels) {
    if (one.type === "row") {
      row = new SceneGridRow({ key: `row-${one.id}`, title: one.title, y: one.gridPos.y, isCollapsed: one.collapsed, isCollapsible: true, children: (one.panels ?? []).map(item) });
      found.push(row);
    } else if (row && !row.state.isCollapsed) row.setState({ children: [...row.state.children, item(one)] });
    else found.push(item(one));
  }
  return found;
}

/** The links of a dashboard to others, which keep the time and the variables. */
class Links extends SceneObjectBase {
  static Component = ({ model }) => (
    <nav className="links">
      {model.state.links.map((one) => <a key={one.title} href={one.url} title={one.tooltip}>{one.title}</a>)}
    </nav>
  );
}

/** The scene of a dashboard over a range of time. */
export function sceneOf(json, from, to) {
  const layers = json.annotations.list
    .filter((one) => !one.builtIn)
    .map((one) => new dataLayers.AnnotationsDataLayer({ name: one.name, isEnabled: one.enable, isHidden: one.hide, query: one }));
  return new EmbeddedScene({
    $timeRange: new SceneTimeRange({ from, to, timeZone: "utc" }),
    $variables: new SceneVariableSet({ variables: json.templating.list.map(variable) }),
    $data: new SceneDataLayerSet({ layers }),
    controls: [new VariableValueSelectors({}), new SceneControlsSpacer(), new Links({ links: json.links }), new SceneTimePicker({})],
    body: new SceneGridLayout({ isLazy: false, children: children(json.panels) }),
  });
}

/** Every panel: its title, and the state of its data. */
export function states(scene) {
  return sceneGraph.findAllObjects(scene, (one) => one instanceof VizPanel).map((one) => {
    const data = one.state.$data ? sceneGraph.getData(one).state.data : undefined;
    return {
      title: sceneGraph.interpolate(one, one.state.title), id: one.state.key, type: one.state.pluginId, broken: one.state._pluginLoadError ?? null,
      state: one.state.$data ? (data?.state ?? "NotStarted") : "Done", frames: data?.series.length ?? 0, rows: data?.series.reduce((sum, frame) => sum + frame.length, 0) ?? 0,
      errors: (data?.errors ?? []).map((error) => error.message),
    };
  });
}
