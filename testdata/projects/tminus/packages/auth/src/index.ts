export { hashPassword, verifyPassword } from "./passwords.js";
export { bearer, sign, verify, type Claims } from "./tokens.js";
