/** What Grafana's own application gives to the libraries at its start: services, registries, data sources. */

import {
  DataSourceApi, LoadingState, dataLinksOverrideProcessor, displayNameOverrideProcessor,
  identityOverrideProcessor, numberOverrideProcessor, standardEditorsRegistry, standardFieldConfigEditorRegistry,
  standardTransformers, standardTransformersRegistry, thresholdsOverrideProcessor, toDataFrame, unitOverrideProcessor,
  valueMappingsOverrideProcessor,
} from "@grafana/data";
import { initPluginTranslations } from "@grafana/i18n";
import { PrometheusDatasource } from "@grafana/prometheus";
import * as runtime from "@grafana/runtime";
import { sceneGraph, sceneUtils } from "@grafana/scenes";
import { Observable, catchError, from, map, of, startWith } from "rxjs";
import { extraTransformers } from "./transformers.js";

const JSON_PLUGIN = "simpod-json-datasource";

/** Every error that a query, a panel or a service met, for the test to read. */
export const problems = [];

async function ask({ url, method = "GET", data, params }) {
  const query = params ? `?${new URLSearchParams(params)}` : "";
  const body = data === undefined || method === "GET" ? undefined : JSON.stringify(data);
  const headers = body ? { "Content-Type": "application/json" } : {};
  const answer = await fetch(`/${url.replace(/^\//, "")}${query}`, { method, body, headers });
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw { status: answer.status, statusText: answer.statusText, data: told };
  return { data: told, status: answer.status, ok: true, config: { url } };
}

const backend = {
  fetch: (options) => from(ask(options)),
  get: async (url, params) => (await ask({ url, params })).data,
  post: async (url, data) => (await ask({ url, data, method: "POST" })).data,
  datasourceRequest: ask,
};

/** The archived plugin's queries, as its builder mode sends them; its code is on no registry. */
class JsonDatasource extends DataSourceApi {
  query({ targets, range, scopedVars, maxDataPoints, intervalMs, requestId }) {
    const filled = (text) => runtime.getTemplateSrv().replace(text, scopedVars, asPattern);
    const asked = targets.filter((one) => !one.hide).map((one) => ({
      ...one,
      payload: Object.fromEntries(Object.entries(one.payload ?? {}).map(([name, value]) => [name, filled(value)])),
    }));
    const body = { targets: asked, range: { from: range.from.toISOString(), to: range.to.toISOString() }, maxDataPoints, intervalMs, requestId };
    return from(backend.post("json/query", body)).pipe(map((data) => ({ data: data.map((one) => toDataFrame(one)) })));
  }

  async metricFindQuery(query) {
    const found = await backend.post("json/variable", { payload: { target: query.query ?? query } });
    return found.map((one) => ({ text: one.__text, value: one.__value }));
  }

  annotations = {
    prepareQuery: ({ target }) => target,
  };
}

/** Several values as (a|b), one as it is, as the plugin writes them. */
function asPattern(value) {
  if (!Array.isArray(value)) return value;
  return value.length === 1 ? value[0] : `(${value.join("|")})`;
}

function instances(sources) {
  return Object.entries(sources).map(([type, uid], index) => ({
    id: index + 1, uid, type, name: uid, access: "proxy", url: `/api/datasources/proxy/uid/${uid}`,
    isDefault: type === "prometheus", readOnly: true, cachingConfig: { enabled: false, TTLMs: 0 },
    jsonData: { timeInterval: "15s", httpMethod: "POST", cacheLevel: "None" },
    meta: { id: type, name: type, type: "datasource", annotations: true, metrics: true, module: "", baseUrl: "", info: { logos: {} } },
  }));
}

function dataSources(sources) {
  const list = instances(sources);
  const made = new Map();
  const settings = (wanted, scoped) => {
    const name = typeof wanted === "string" ? wanted : wanted?.uid;
    const uid = runtime.getTemplateSrv().replace(name ?? "", scoped);
    return list.find((one) => one.uid === uid || one.name === uid) ?? (wanted?.type && list.find((one) => one.type === wanted.type)) ?? undefined;
  };
  return {
    getInstanceSettings: settings,
    getList: ({ type, pluginId } = {}) => list.filter((one) => !(type ?? pluginId) || one.type === (type ?? pluginId)),
    async get(wanted, scoped) {
      const found = settings(wanted, scoped);
      if (!found) throw new Error(`there is no data source ${JSON.stringify(wanted)}`);
      if (!made.has(found.uid)) made.set(found.uid, found.type === "prometheus" ? new PrometheusDatasource(found) : new JsonDatasource(found));
      return made.get(found.uid);
    },
    reload() {},
    registerRuntimeDataSource() {},
  };
}

/** A frame of what may be one; the values of a variable stay as they are. */
const framed = (one) => (one.fields || one.datapoints || one.columns ? toDataFrame(one) : one);

/** One request of a panel: its frames, or its error. */
function runRequest(source, request, query = (one) => source.query(one)) {
  const told = (state, series, more = {}) => ({ state, series, timeRange: request.range, request, ...more });
  const answers = query(request);
  return (answers instanceof Observable ? answers : from(answers)).pipe(
    map((answer) => {
      const failed = answer.error ?? answer.errors?.[0];
      if (failed) problems.push(`query: ${failed.message ?? JSON.stringify(failed)}`);
      return told(failed ? LoadingState.Error : LoadingState.Done, answer.data.map(framed), failed ? { error: failed } : {});
    }),
    catchError((error) => {
      problems.push(`query: ${error.data?.message ?? error.message ?? JSON.stringify(error)}`);
      return of(told(LoadingState.Error, [], { error }));
    }),
    startWith(told(LoadingState.Loading, [])),
  );
}

const templates = {
  replace(text, scoped, format) {
    const scene = window.__grafanaSceneContext;
    return scene ? sceneGraph.interpolate(scene, text, scoped, format) : (text ?? "");
  },
  getVariables: () => [],
  getAdhocFilters: () => [],
  containsTemplate: (text) => /\$/.test(text ?? ""),
  updateTimeRange() {},
};

const STANDARD = {
  displayName: displayNameOverrideProcessor, unit: unitOverrideProcessor, min: numberOverrideProcessor, max: numberOverrideProcessor,
  decimals: numberOverrideProcessor, color: identityOverrideProcessor, noValue: identityOverrideProcessor, description: identityOverrideProcessor,
  links: dataLinksOverrideProcessor, mappings: valueMappingsOverrideProcessor, thresholds: thresholdsOverrideProcessor,
  filterable: identityOverrideProcessor, actions: identityOverrideProcessor, fieldMinMax: identityOverrideProcessor,
};

const editor = () => null;

/** Begin: afterwards scenes may be made. `sources` are the uid of the data source of each plugin. */
export async function start(sources) {
  await initPluginTranslations("grafana");
  runtime.setBackendSrv(backend);
  runtime.setTemplateSrv(templates);
  runtime.setDataSourceSrv(dataSources(sources));
  runtime.setRunRequest(runRequest);
  runtime.setEchoSrv(new runtime.FakeEchoSrv());
  runtime.setAppEvents({ publish() {}, getStream: () => new Observable(), subscribe: () => ({ unsubscribe() {} }) });
  runtime.setPluginLinksHook?.(() => ({ links: [], isLoading: false }));
  runtime.setPluginComponentsHook?.(() => ({ components: [], isLoading: false }));
  const properties = Object.entries(STANDARD).map(([id, process]) => ({
    id, path: id, name: id, editor, override: editor, process, shouldApply: () => true, settings: {}, getItemsCount: () => 0,
  }));
  standardFieldConfigEditorRegistry.setInit(() => properties);
  standardEditorsRegistry.setInit(() => ["text", "number", "boolean", "select", "multi-select", "radio", "color", "unit", "slider"].map((id) => ({ id, name: id, editor })));
  standardTransformersRegistry.setInit(() =>
    [...new Set(Object.values(standardTransformers)), ...extraTransformers].map((one) => ({ id: one.id, name: one.name, transformation: async () => one, editor, imageDark: "", imageLight: "" })),
  );
  return sceneUtils;
}
