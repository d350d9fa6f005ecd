/** Shows the dashboard that the address asks for: /d/<uid>?from=&to=&var-..., as Grafana does. */

import "uplot/dist/uPlot.min.css";
import "react-grid-layout/css/styles.css";
import "react-resizable/css/styles.css";
import "@grafana/react-data-grid/lib/styles.css";
import "./page.css";

import { ThemeContext, createTheme, dateTime } from "@grafana/data";
import { LocationServiceProvider, config, locationService, setPluginImportUtils } from "@grafana/runtime";
import { UrlSyncContextProvider } from "@grafana/scenes";
import { PortalContainer } from "@grafana/ui";
import { Component } from "react";
import { createRoot } from "react-dom/client";
import { BrowserRouter } from "react-router-dom";
import { panels } from "./panels.jsx";
import { sceneOf, states } from "./scene.jsx";
import { problems, start } from "./services.js";

class Boundary extends Component {
  state = {};

  static getDerivedStateFromError = (error) => ({ error });

  componentDidCatch(error) {
    problems.push(`render: ${error.stack}`);
  }

  render() {
    return this.state.error ? <pre>{String(this.state.error.stack)}</pre> : this.props.children;
  }
}

async function show() {
  setPluginImportUtils({ getPanelPluginFromCache: (id) => panels[id], importPanelPlugin: async (id) => panels[id] });
  await start({ prometheus: "causal-prometheus", "simpod-json-datasource": "causal-json" });
  const asked = new URL(location.href);
  const uid = asked.pathname.split("/").filter(Boolean).at(-1);
  const json = await (await fetch(`/dashboards/${uid}.json`)).json();
  const { from = "now-3h", to = "now" } = Object.fromEntries(asked.searchParams);
  const time = (text) => (/^\d+$/.test(text) ? dateTime(Number(text)).toISOString() : text);
  const scene = sceneOf(json, time(from), time(to));
  const theme = createTheme({ colors: { mode: asked.searchParams.get("theme") === "light" ? "light" : "dark" } });
  config.theme2 = theme;
  document.body.style.background = theme.colors.background.canvas;
  document.body.style.color = theme.colors.text.primary;
  window.harness = { states: () => states(scene), problems, scene };
  createRoot(document.getElementById("root")).render(
    <Boundary>
      <ThemeContext.Provider value={theme}>
        <LocationServiceProvider service={locationService}>
          <BrowserRouter>
            <header className="chrome"><b>Causal</b> / {json.title}</header>
            <UrlSyncContextProvider scene={scene} updateUrlOnInit={false} createBrowserHistorySteps={false}>
              <scene.Component model={scene} />
            </UrlSyncContextProvider>
            <PortalContainer />
          </BrowserRouter>
        </LocationServiceProvider>
      </ThemeContext.Provider>
    </Boundary>,
  );
}

show().catch((error) => {
  problems.push(`start: ${error.stack ?? JSON.stringify(error)}`);
  window.harness ??= { states: () => [], problems };
});
