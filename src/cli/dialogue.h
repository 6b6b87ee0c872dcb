/* cli/dialogue.h: sendmail -bs: octets passed between standard input and output and the server, as they come.
 *
 * Neither way waits for the other: a server that reads nothing more until its replies are taken, and whoever
 * passes a client's next commands to it before it takes them, would wait for each other for ever. Each way
 * holds at most DIALOGUE_OCTETS. The descriptors' own flags stay as they are, since others may share them.
 */
#ifndef CLI_DIALOGUE_H
#define CLI_DIALOGUE_H

#include "base/arena.h"
#include "base/file.h"

enum { DIALOGUE_OCTETS = 16 * 1024 };

/* Until the server closes and all that it said is passed on; the end of `in` is passed on too. `server` is a
 * connected socket. What comes from `in` after the server stopped reading is dropped: its last words count.
 * ERR_IO, ERR_NOSPACE. */
err dialogue_pass(struct arena *arena, file server, file in, file out) MUST_USE;

#endif
