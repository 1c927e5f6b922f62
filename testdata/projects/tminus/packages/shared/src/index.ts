export { fail, guarded, ok, Problem, readJson, requireSecret } from "./envelope.js";
export { isId, newId, type IdPrefix } from "./ids.js";
export type {
  Account,
  AccountStatus,
  CalendarEvent,
  Grant,
  NewEvent,
  Profile,
  ReconcileMessage,
  Source,
  SyncMessage,
  UserGraph,
  WriteMessage,
} from "./types.js";
