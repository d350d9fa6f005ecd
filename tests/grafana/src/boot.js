/** What Grafana's server writes into its page: before any library loads. */
window.__grafana_public_path__ = "/public/";
window.grafanaBootData = {
  settings: { buildInfo: { version: "13.1.1", env: "production" }, featureToggles: {}, datasources: {}, panels: {}, apps: {}, appSubUrl: "", appUrl: "/", unifiedAlerting: {} },
  user: { locale: "en-US", language: "en-US", theme: "dark", timezone: "utc", orgRole: "Viewer", permissions: {} },
  navTree: [],
};
