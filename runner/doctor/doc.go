// Package doctor asks the questions of the runbook's troubleshooting, of the files, the
// account and the live Workers, and changes nothing.
//
// [Doctor.Steps] are its topics, each a stage whose tasks are the questions. What the
// account has is read once, side by side, and every topic judges the same sight of it.
// A finding says what is wrong, on the line of configuration that asked for it, who did
// it and when as far as that is known, and the command that mends it. An error is
// broken, a warning is worth a look; what could not be found out is said and is neither.
// [Answers] keeps what was answered, for a table.
//
// Rules over files and code are check's, the look at scripts and triggers live's, the
// comparison of a version drift's, questions to Workers probe's; this room puts them to
// use and adds only what none of them knows.
package doctor
