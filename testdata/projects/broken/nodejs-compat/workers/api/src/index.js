import { id } from '../vendor/idlib/index.js'

export default { fetch() { return new Response(id()) } }
