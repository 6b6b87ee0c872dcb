/* mime/subject.h: the base subject, by which mailboxes are sorted and threaded.
 *
 * Exactly the procedure of RFC 5256 §2.1, so that servers and clients agree. Pure; any thread.
 */
#ifndef MIME_SUBJECT_H
#define MIME_SUBJECT_H

#include "base/buf.h"
#include "base/str.h"

struct mime_base_subject {
	str text;      /* not case-folded; may be empty */
	bool is_reply; /* a subj-refwd, "(fwd)" or "[fwd: ]" was removed (RFC 5256 §3) */
};

/* `decoded` is a subject in UTF-8, its encoded-words decoded. The text lives in `scratch`, which is appended
 * to and needs decoded.len octets. */
struct mime_base_subject mime_base_subject(str decoded, struct buf *scratch);

#endif
