/* bounce/dsn_internal.h: what dsn.c and dsn_text.c share. */
#ifndef BOUNCE_DSN_INTERNAL_H
#define BOUNCE_DSN_INTERNAL_H

#include "bounce/dsn.h"

/* Appends the first part: words for people, lines with LF. */
void dsn_text(const struct dsn *dsn, bool whole, struct buf *out);

/* Appends the notice's subject. */
void dsn_subject(const struct dsn *dsn, struct buf *out);

bool dsn_is_for_postmaster(const struct dsn *dsn);

/* As much of the reply as is told. */
str dsn_reply(const struct dsn_recipient *recipient);

#endif
