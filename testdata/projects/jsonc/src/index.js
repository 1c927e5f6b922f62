import { health } from "./health.js";
import { addLaunch, nextLaunch, refresh } from "./launches.js";

const routes = {
  "GET /health": (_, env) => health(env),
  "GET /next": (_, env) => nextLaunch(env),
  "POST /launches": addLaunch,
};

export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    const handle = routes[`${request.method} ${pathname}`];
    if (!handle) {
      return Response.json({ ok: false, error: { code: "not_found", message: "there is nothing here" } }, { status: 404 });
    }
    return handle(request, env);
  },

  async scheduled(_, env) {
    await refresh(env);
  },
};
