var crypto
try { crypto = require('crypto') } catch {}
exports.id = () => crypto.randomUUID()
