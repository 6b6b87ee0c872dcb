#include "deliver/forward.h"

#include "base/limits.h"
#include "bounce/srs.h"
#include "deliver/address.h"
#include "store/directory.h"

static bool is_ours(const struct directory *directory, str name)
{
	const struct domain *domain;

	return directory_find_domain(directory, name, &domain) == DIRECTORY_FOUND;
}

/* One that can't be rewritten stays what it is, as RFC 5321 §3.9.1 has an alias leave it. The other ways are
 * worse. The null reverse-path would let the message vanish where the next server refuses it. An address of
 * our own would tell us, who can do nothing, and not its sender. As it is, whoever sent it hears of each
 * failure, and no one else; where SPF refuses it he hears of that. Most such addresses are a bulk sender's,
 * with a number of 50 digits, and their mail is signed (RFC 6376): the signature tells where it is from,
 * since we change nothing in the message. */
static bool stays(err e) { return e.code == ERR_LIMIT || e.code == ERR_SYNTAX; }

err forward_reverse_path(struct arena *arena, const struct directory *directory, str srs_key, int64_t now_ms,
                         const struct forward *from, str via, struct forward_path *out)
{
	struct forward_path kept = { .text = from->text, .domain = from->domain };
	char plain_room[LIMIT_PATH], rewritten_room[LIMIT_PATH], quoted_room[LIMIT_PATH];
	struct buf plain, rewritten, quoted;

	if (from->text.len == 0 || via.len == 0 || is_ours(directory, from->domain)) {
		*out = kept;
		return OK;
	}
	buf_init_fixed(&plain, plain_room, sizeof plain_room);
	buf_add(&plain, from->local_part);
	buf_add_char(&plain, '@');
	buf_add(&plain, from->domain);
	TRY(buf_err(&plain));
	buf_init_fixed(&rewritten, rewritten_room, sizeof rewritten_room);
	err e = srs_forward(&rewritten, srs_key, now_ms, buf_str(&plain), via);
	if (stays(e)) {
		*out = kept;
		return OK;
	}
	TRY(e);
	buf_init_fixed(&quoted, quoted_room, sizeof quoted_room);
	address_add(&quoted, buf_str(&rewritten));
	TRY(buf_err(&quoted));
	struct forward_path own = { .has_own = true, .domain = via };
	TRY(arena_copy(arena, buf_str(&quoted), &own.text));
	*out = own;
	return OK;
}
