// Package workers speaks HTTP for package script: every path below
// /accounts/A/workers that is about scripts, versions, deployments, secrets and
// settings, in the words of the API.
//
// It holds no rules. Routes and domains are in package zone, files in package
// asset, tails in package tail.
package workers
