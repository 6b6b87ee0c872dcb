#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/limits.h"

const char *err_code_name(err_code code)
{
	static const char *const names[] = {
		[ERR_OK] = "ok",           [ERR_SYNTAX] = "syntax",   [ERR_LIMIT] = "limit",
		[ERR_MISSING] = "missing", [ERR_EXISTS] = "exists",   [ERR_DENIED] = "denied",
		[ERR_BUSY] = "busy",       [ERR_NOSPACE] = "nospace", [ERR_QUOTA] = "quota",
		[ERR_TIMEOUT] = "timeout", [ERR_CLOSED] = "closed",   [ERR_IO] = "io",
		[ERR_CORRUPT] = "corrupt",
	};
	return names[code];
}

/* The sentence in `arena`: the formatted part, and ": tail" where there is a tail. NULL where there is no
 * room. */
static const char *sentence(struct arena *arena, const char *tail, const char *format, va_list args)
{
	char text[LIMIT_ERROR_SENTENCE];
	int n = vsnprintf(text, sizeof text, format, args);

	if (n < 0 || !arena)
		return NULL;
	size_t used = (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
	if (tail)
		snprintf(text + used, sizeof text - used, ": %s", tail);
	return arena_z(arena, str_of(text));
}

err err_wrap(struct arena *arena, err e, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	const char *what = sentence(arena, e.what, format, args);
	va_end(args);
	return what ? (err){ e.code, e.at, what } : e;
}

err err_new_list(struct arena *arena, err_code code, const char *format, va_list args)
{
	const char *what = sentence(arena, NULL, format, args);

	return (err){ code, 0, what ? what : format };
}

err err_new(struct arena *arena, err_code code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	err e = err_new_list(arena, code, format, args);
	va_end(args);
	return e;
}

static err_code code_of_errno(int number)
{
	switch (number) {
	case ENOSPC:
	case EDQUOT:
	case ENOMEM:
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
		return ERR_NOSPACE;
	case ENOENT:
	case ENOTDIR:
		return ERR_MISSING;
	case EEXIST:
		return ERR_EXISTS;
	case EACCES:
	case EPERM:
	case EROFS:
		return ERR_DENIED;
	case EAGAIN:
	case EBUSY:
		return ERR_BUSY;
	case ETIMEDOUT:
		return ERR_TIMEOUT;
	case ECONNRESET:
	case EPIPE:
		return ERR_CLOSED;
	default:
		return ERR_IO;
	}
}

err err_errno(struct arena *arena, int number, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	const char *what = sentence(arena, strerrordesc_np(number), format, args);
	va_end(args);
	return (err){ code_of_errno(number), (uint32_t)number, what ? what : strerrordesc_np(number) };
}
