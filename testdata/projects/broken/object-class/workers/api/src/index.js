export class Graph {}
export class New {}
export class Old {}
export default { fetch() { return new Response("ok") } }
