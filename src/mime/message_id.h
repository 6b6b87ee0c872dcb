/* mime/message_id.h: the msg-ids in Message-ID, In-Reply-To and References.
 *
 * Lenient: what stands between them is skipped. For threading two forms of one id are the same: quotes and
 * folding spaces around its local part say nothing (RFC 5256 §3). Pure; any thread.
 *
 * RFC 5322 §3.6.4, §4.5.4.
 */
#ifndef MIME_MESSAGE_ID_H
#define MIME_MESSAGE_ID_H

#include "base/buf.h"
#include "base/scan.h"

/* Appends the next id of the field body, normalised, without "<" and ">", to `scratch`, where *out points.
 * False where there is none any more. */
bool mime_message_id_next(scan *body, struct buf *scratch, str *out);

#endif
