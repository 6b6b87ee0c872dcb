/* deliver/lookup.h: who stands behind one address: one step of the way that mail takes, for all who ask.
 *
 * In this order, the first that is there:
 *   account of that address · alias of that address · the same without "+detail"
 *   postmaster, abuse: the domain's first account · the domain's catch-all alias
 * Where an alias leads is its reader's: deliver/route.h (delivery), deliver/sender.h (who may send as whom).
 *
 * Any thread with the snapshot it holds; no I/O.
 */
#ifndef DELIVER_LOOKUP_H
#define DELIVER_LOOKUP_H

#include "base/arena.h"

struct account;
struct alias;
struct directory;

enum lookup_answer {
	LOOKUP_ACCOUNT,
	LOOKUP_ALIAS,
	LOOKUP_FOREIGN, /* not our domain */
	LOOKUP_NOBODY,  /* nobody has this address */
	LOOKUP_NO_OWNER, /* postmaster or abuse of a domain without accounts (RFC 5321 §4.5.1, RFC 2142 §2) */
	LOOKUP_BUSY,     /* the directory can't say now */
};

struct lookup {
	const struct account *account; /* of LOOKUP_ACCOUNT */
	const struct alias *alias;     /* of LOOKUP_ALIAS */
};

/* `address` is normalised (deliver/address.h); `arena` holds a form of it at most. */
enum lookup_answer lookup_address(const struct directory *directory, struct arena *arena, str address,
                                  struct lookup *out);

#endif
