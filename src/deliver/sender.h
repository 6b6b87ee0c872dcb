/* deliver/sender.h: as whom an account may send: as every address whose mail comes to it.
 *
 * That is its own address with any "+detail", each alias that leads to it, through other aliases too, and
 * what a catch-all or the role of postmaster brings it. Who receives what is answered to an address may
 * answer; nobody has to keep a second list. A suspended account is none the less the owner of its addresses.
 * An application sends as what it was given, and that alone.
 *
 * Any thread with the snapshot it holds; no I/O.
 */
#ifndef DELIVER_SENDER_H
#define DELIVER_SENDER_H

#include "auth/identity.h"
#include "base/arena.h"

/* Does mail for `address` (normalised, deliver/address.h) come to the account? `arena` holds what is needed
 * on the way; false also without memory. */
bool sender_receives(const struct directory *directory, struct arena *arena, uint64_t account_id,
                     str address);

enum sender_answer {
	SENDER_OWN,     /* send as that */
	SENDER_FOREIGN, /* not as that */
	SENDER_GONE,    /* who logged in may send nothing any more: removed, suspended, revoked */
};

/* May `who` send as `address`? An application by its list, a person as above. */
enum sender_answer sender_check(const struct directory *directory, struct arena *arena,
                                const struct identity *who, str address);

#endif
