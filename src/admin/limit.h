/* admin/limit.h: how much an app may send, as people write and read it: "500/h". Pure. */
#ifndef ADMIN_LIMIT_H
#define ADMIN_LIMIT_H

#include "base/buf.h"

/* "500/h": a number from 1 to LIMIT_APP_RATE and, behind "/", minute, hour or day, or their first letter, in
 * any case. ERR_SYNTAX, ERR_LIMIT. */
err limit_parse(str text, uint32_t *count, uint32_t *period_s) MUST_USE;

/* "500/h"; a period that is none of the three in seconds: "500/90s". */
void limit_format(struct buf *out, uint32_t count, uint32_t period_s);

#endif
