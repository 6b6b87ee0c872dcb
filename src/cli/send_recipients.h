/* cli/send_recipients.h: the forward-paths of one message that `postrider send` was given. Pure.
 *
 * They come from arguments and, with -t, from the header: both hold addresses as people write them ("Ann
 * <ann@shop.example>, bob"), several with commas. A name without a domain is a login of this machine and gets
 * the hostname, as cron's "root" wants it. Unlike where a header only describes, an address that breaks the
 * grammar is an error here: it decides where mail goes (RFC 5322 §3.4).
 */
#ifndef CLI_SEND_RECIPIENTS_H
#define CLI_SEND_RECIPIENTS_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

struct send_recipients {
	struct arena *arena;
	str hostname;
	uint32_t most; /* limits.recipients */
	str *paths;    /* without angle brackets, quoted where RFC 5321 §4.1.2 wants it */
	uint32_t count;
};

/* `hostname` is borrowed. ERR_NOSPACE. */
err send_recipients_init(struct send_recipients *r, struct arena *arena, str hostname,
                         uint32_t most) MUST_USE;

/* Adds the addresses of `list`, one field body or argument; one that is there already stays once.
 * ERR_SYNTAX names what is no address   ERR_LIMIT more than `most`   ERR_NOSPACE */
err send_recipients_add(struct send_recipients *r, str list) MUST_USE;

/* Adds those of a header block: of Resent-To, Resent-Cc and Resent-Bcc where one of these is there (RFC 5322
 * §3.6.6), else of To, Cc and Bcc. Errors as above. */
err send_recipients_add_header(struct send_recipients *r, str header) MUST_USE;

/* One address, such as a reverse-path, in that form; "" and "<>" are empty: the null reverse-path.
 * ERR_SYNTAX, ERR_NOSPACE. */
err send_path(struct arena *arena, str hostname, str text, str *out) MUST_USE;

#endif
