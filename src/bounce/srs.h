/* bounce/srs.h: the reverse-path of what is forwarded, so that it comes from a domain of ours and a bounce
 * finds its way back: the Sender Rewriting Scheme (M. Wong, S. van Kesteren). Pure.
 *
 *   bob@e.example                     -> SRS0=HASH=DAY=e.example=bob@ours        the first who forwards
 *   SRS0=hhhh=dd=e.example=bob@fwd    -> SRS1=HASH=fwd==hhhh=dd=e.example=bob@ours   the next
 *   SRS1=hhhh=fwd==rest@other         -> SRS1=HASH=fwd==rest@ours                and all after: no longer
 * each time
 *
 * The hash is of what stands behind it and of a key of our own, so that only bounces to addresses that we
 * made come in: 30 bits of HMAC-SHA-256, in base 32 since some servers fold case. DAY are ten bits of the
 * day; an address is good for LIMIT_SRS_DAYS.
 */
#ifndef BOUNCE_SRS_H
#define BOUNCE_SRS_H

#include "base/buf.h"

/* Appends the reverse-path that a message from `reverse_path` (not null, without brackets) is forwarded with,
 * at `domain`. ERR_LIMIT: its local part would be longer than LIMIT_LOCAL_PART, which servers may refuse (RFC
 * 5321 §4.5.3.1.1): nothing was appended.   ERR_SYNTAX: no address */
err srs_forward(struct buf *out, str key, int64_t now_ms, str reverse_path, str domain) MUST_USE;

/* Is that the local part of a rewritten address? */
bool srs_is(str local_part);

/* Appends the address that a bounce to `local_part` goes to: the one it was made of. ERR_DENIED: not made by
 * us, or too old   ERR_SYNTAX: not one that could have been */
err srs_reverse(struct buf *out, str key, int64_t now_ms, str local_part) MUST_USE;

#endif
