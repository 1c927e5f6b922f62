// What is only read, or asked whether it is there, may be missing; what is needed may not.
export default {
  async fetch(request, env, ctx) {
    const mode = env.MODE ?? "plain";
    if (env.OPTIONAL) await env.OPTIONAL.put("a", mode);
    env.TRACE?.send(env.LABEL);
    await env.SESSIONS.put("a", process.env.HOME.length);
    await this.env.QUEUE.send(env.TOP.length + env.JWT_SECRET.length);
    return new Response("env.NOWHERE.get()");
  },
};
