export class Flow {}
export default { fetch() { return new Response("ok") } }
