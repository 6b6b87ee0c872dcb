/* base/command.h: what a program that the owner named prints: a token for a login, for one.
 *
 * The command is a line for /bin/sh. It gets an empty standard input, "/" as its directory, an environment of
 * PATH, HOME and LANG, no other descriptor of ours and no signal blocked or ignored. Once it has ended, or is
 * taken for stuck, its whole process group is killed: nothing of it stays behind.
 *
 * Waits up to `timeout_ms`: for workers of WORK_COMMAND (net/work.h) and for commands, never on a loop.
 */
#ifndef BASE_COMMAND_H
#define BASE_COMMAND_H

#include "base/arena.h"

/* Its standard output without white space at both ends, in `arena`; with it at most `max_octets`. `command`
 * has no NUL.
 * ERR_MISSING it printed nothing   ERR_LIMIT it printed more   ERR_TIMEOUT
 * ERR_DENIED it ended with another status than 0, which the sentence has together with the beginning of what
 * it said on standard error   ERR_NOSPACE, ERR_IO it could not be started */
err command_output(struct arena *arena, str command, int64_t timeout_ms, size_t max_octets,
                   str *out) MUST_USE;

#endif
