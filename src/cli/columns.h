/* cli/columns.h: lists for people: columns as wide as what stands in them. */
#ifndef CLI_COLUMNS_H
#define CLI_COLUMNS_H

#include "base/arena.h"
#include "base/str.h"

enum { COLUMNS_MOST = 8 };

struct columns {
	struct arena *arena;
	size_t width; /* columns; at most COLUMNS_MOST */
	bool right[COLUMNS_MOST];
	struct columns_row *first, *last;
};

/* `heads` names `width` columns; one that begins with ">" is aligned to the right. */
void columns_begin(struct columns *c, struct arena *arena, const char *const *heads, size_t width);

/* Adds a row; the strings are copied. Control characters are shown as "?". */
void columns_add(struct columns *c, const char *const *cells);

/* Prints head and rows to standard output. */
void columns_print(const struct columns *c);

#endif
