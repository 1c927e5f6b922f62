// Package doctor asks the questions of the runbook's troubleshooting, of the files, the
// account and the live Workers, and changes nothing.
//
// [Doctor.Steps] are its topics, each a stage whose tasks are the questions. The first
// reaches the account and has sight read what is there, once. What the token may, what
// the code does and how hosts answer is asked here; the questions that hold the
// configuration against the account are diagnosis's. An error is broken, a warning is
// worth a look; what could not be found out is said and is neither. [Answers] keeps what
// was answered, for a table.
//
// Rules over files and code are check's, and what makes a face well is stage's; this
// room connects them, as error 1101 with its cause.
package doctor
