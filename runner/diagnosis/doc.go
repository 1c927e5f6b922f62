// Package diagnosis is the questions that hold the configuration against the account:
// whether each script is deployed, by whom, private and as configured, and whether its
// Durable Objects, queues, databases, migrations and secrets are there.
//
// [Questions] makes them as tasks, by topic. A finding stands on the line of
// configuration that asked for what is not so, and says who did it and when as far as
// that is known, and the command that mends it. What could not be found out is said and
// is neither well nor broken. [Lost] is what makes code throw that was well before.
//
// The room asks no network: it judges what sight has seen. Rules over files are
// check's, the comparison of a script drift's, pending migrations schema's, and the
// questions to files and hosts the doctor's, who puts all of them in order.
package diagnosis
