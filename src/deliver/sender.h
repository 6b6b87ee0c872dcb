/* deliver/sender.h: as whom an account may send: as every address whose mail comes to it.
 *
 * That is its own address with any "+detail", each alias that leads to it, through other aliases too, and
 * what a catch-all or the role of postmaster brings it. Who receives what is answered to an address may
 * answer; nobody has to keep a second list. A suspended account is none the less the owner of its addresses.
 *
 * Any thread with the snapshot it holds; no I/O.
 */
#ifndef DELIVER_SENDER_H
#define DELIVER_SENDER_H

#include "base/arena.h"

struct directory;

/* Does mail for `address` (normalised, deliver/address.h) come to the account? `arena` holds what is needed
 * on the way; false also without memory. */
bool sender_receives(const struct directory *directory, struct arena *arena, uint64_t account_id,
                     str address);

#endif
