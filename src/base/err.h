/* base/err.h: how a function says that it failed: a value of two registers.
 *
 * `code` is for the program (reply tables switch on it), `what` is for the person who reads the reply
 * or the log, `at` is the octet where a parser stopped, or errno after ERR_IO and ERR_NOSPACE.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

typedef enum err_code {
	ERR_OK = 0,
	ERR_SYNTAX,  /* the peer or the file is wrong: permanent */
	ERR_LIMIT,   /* over a limit of base/limits.h: permanent */
	ERR_MISSING, /* no such mailbox, domain, row */
	ERR_EXISTS,  /* there is one already */
	ERR_DENIED,  /* known, and not allowed */
	ERR_BUSY,    /* try again later: locks, pacing, a full queue */
	ERR_NOSPACE, /* disk, memory, descriptors */
	ERR_QUOTA,   /* this account is full */
	ERR_TIMEOUT,
	ERR_CLOSED,  /* the peer went away */
	ERR_IO,      /* the system said no; `at` is errno */
	ERR_CORRUPT, /* our own data contradicts itself */
} err_code;

typedef struct err {
	err_code code;
	uint32_t at;
	const char *what; /* one clause, no full stop; a literal or owned by the arena given to err_wrap */
} err;

struct arena;

#define OK ((err){ ERR_OK, 0, NULL })
#define MUST_USE __attribute__((warn_unused_result))

/* The only macro in postrider that may return. */
#define TRY(call) \
	do { \
		err try_ = (call); \
		if (try_.code != ERR_OK) \
			return try_; \
	} while (0)

/* The name of a code, as log lines and JSON carry it: "syntax", "limit", … */
const char *err_code_name(err_code code);

/* `e` with the formatted sentence and ": " before its own. Where the arena has no room the sentence of `e`
 * stays: an error never turns into another one. */
err err_wrap(struct arena *arena, err e, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* A new error with a formatted sentence; at the arena's end the format itself is the sentence. */
err err_new(struct arena *arena, err_code code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The same for functions that take such arguments themselves. */
err err_new_list(struct arena *arena, err_code code, const char *format, va_list args)
	__attribute__((format(printf, 3, 0)));

/* What the system call that just failed said: ERR_NOSPACE for no room, memory or descriptors, ERR_TIMEOUT,
 * ERR_DENIED, ERR_MISSING where errno says so, else ERR_IO. `doing` is a literal ("opening the segment"). */
err err_errno(struct arena *arena, int number, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
