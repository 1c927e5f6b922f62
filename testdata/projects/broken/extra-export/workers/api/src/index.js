import { helper } from './helper.js'

export const LIMIT = 5 // want "extra-export"
export { helper } // want "extra-export"
export class Entrypoint {}

export default { fetch() { return new Response(helper()) } }
