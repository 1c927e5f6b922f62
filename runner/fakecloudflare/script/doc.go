// Package script is the account's Workers and the rules they live by:
// versions that never change, deployments that say which of them serve,
// secrets, Durable Object classes and their migrations, and the settings that
// belong to no version.
//
// It has no HTTP (package workers speaks for it) and runs nothing (package
// workerd asks it what is live). What else the account has, it is told by the
// checks it is made with.
//
// Rules and codes are those of the real account where they are known; where
// only the rule is documented and not the code, the nearest code is used and
// the line says so.
package script
