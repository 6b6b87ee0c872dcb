/* deliver/routes.h: which way out mail takes: the route that counts for a recipient and a sender. Pure over a
 * snapshot of the directory; any thread.
 *
 * The most specific one counts, first by the recipient:
 *   1. its domain
 *   2. "*.shop.example" for anything below shop.example, the longest first
 *   3. "*"
 * and where several stand for the same recipients, the one for the sender's domain before the one for any.
 * A domain's route does not hold for what is below it: a subdomain often has other hosts, and mail that goes
 * to the wrong ones is lost. Where no route counts, mail goes by MX.
 */
#ifndef DELIVER_ROUTES_H
#define DELIVER_ROUTES_H

#include "store/directory.h"

/* `domain` is the recipient's, normalised, or an address literal, for which only "*" counts; `reverse_domain`
 * the one of the reverse-path, normalised; empty: the null reverse-path, or unknown. NULL: by MX. The route
 * lives as long as the snapshot. */
const struct route_entry *routes_choose(const struct directory *directory, str domain, str reverse_domain);

/* Is there a route for the mail of one sender's domain? Else the reverse-path makes no difference. */
bool routes_differ_by_sender(const struct directory *directory);

/* In which order the route's smarthosts are to be tried: as they stand, or, where they have weights, drawn by
 * these, with a number of `random` (base/random.h) for each. `order` holds indices into route->hosts. */
void route_order(const struct route_entry *route, const uint64_t random[static LIMIT_ROUTE_HOSTS],
                 uint8_t order[static LIMIT_ROUTE_HOSTS]);

/* Appends what one route's smarthosts and everything about how they are spoken to are called together: mail
 * of routes that agree in all of it goes to one site. No secret is in it. */
void route_add_site(struct buf *out, const struct route_entry *route);

#endif
