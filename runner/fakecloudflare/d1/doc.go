// Package d1 is the account's databases: one real SQLite in memory for each,
// reached over the API, over the runtime's binding, and back in time by bookmark.
//
// What makes it D1 and not plain SQLite: one request is one transaction; its
// text is split the way the server splits it (package split); transactions,
// attached files and most pragmas are refused; errors end in
// ": SQLITE_ERROR" and carry the offset, as workerd writes them.
//
// What it does not do: import and export, replicas, size limits. rows_read and
// rows_written count result rows and changes, not what SQLite looked at.
package d1
