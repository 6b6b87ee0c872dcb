/* admin/smarthost.h: lists of smarthosts as people write and read them: "a.example:587,b.example:587". Pure.
 */
#ifndef ADMIN_SMARTHOST_H
#define ADMIN_SMARTHOST_H

#include "store/route_entry.h"

/*   smarthosts = smarthost *("," smarthost)
 *   smarthost  = host ":" port ["=" weight]
 *   host       = domain / IPv4 address / "[" IPv6 address "]"
 *
 * Spaces around each are passed over. Either all have a weight from 1 to 1000 or none has one: then they are
 * tried in this order. Names are normalised, in `arena`.
 * ERR_SYNTAX, ERR_LIMIT over LIMIT_ROUTE_HOSTS, with what to write instead   ERR_NOSPACE */
err smarthosts_parse(struct arena *arena, str text, struct route_host hosts[static LIMIT_ROUTE_HOSTS],
                     size_t *count) MUST_USE;

/* "a.example:587" */
void smarthost_add(struct buf *out, const struct route_host *host);

#endif
