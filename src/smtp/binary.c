#include "smtp/binary.h"

#include "base/limits.h"
#include "mime/recode.h"

err smtp_binary_begin(struct smtp_binary *b, struct arena_pool *pool, const struct smtp_flight *flight)
{
	*b = (struct smtp_binary){ .flight = *flight };
	arena_init(&b->arena, pool, LIMIT_RECODE_ARENA);
	b->head = arena_alloc(&b->arena, LIMIT_FLIGHT_FINGERPRINT);
	return b->head ? mime_recode_new(&b->arena, &b->recode) : ERR_NO_MEMORY;
}

/* Enough is there, or all. */
static void identify(struct smtp_binary *b)
{
	b->unread = (str){ b->head, b->head_len };
	b->fingerprint = flight_fingerprint(b->unread);
	b->quarantined = b->flight.flight && flight_is_quarantined(b->flight.flight, b->fingerprint);
}

/* True when the head is complete and the octets behind it are next. */
static bool gather(struct smtp_binary *b, str *in)
{
	size_t room = LIMIT_FLIGHT_FINGERPRINT - b->head_len, size = in->len < room ? in->len : room;

	if (b->fingerprint != 0)
		return true;
	if (size > 0)
		memcpy(b->head + b->head_len, in->ptr, size);
	b->head_len += size;
	*in = str_from(*in, size);
	if (b->head_len < LIMIT_FLIGHT_FINGERPRINT && !b->whole)
		return false;
	identify(b);
	return true;
}

static bool pass(str *in, str *run)
{
	*run = *in;
	*in = STR("");
	return run->len > 0;
}

static bool recode(struct smtp_binary *b, str *in, str *run)
{
	bool found;

	if (b->quarantined)
		return pass(in, run);
	if (b->flight.slot)
		flight_set(b->flight.slot, FLIGHT_INCOMING, ip_neighbourhood(b->flight.peer), 0,
		           b->fingerprint);
	found = mime_recode_next(b->recode, in, run);
	if (b->flight.slot)
		flight_clear(b->flight.slot);
	return found;
}

bool smtp_binary_next(struct smtp_binary *b, str *in, str *run)
{
	if (!gather(b, in))
		return false;
	if (b->unread.len > 0 && recode(b, &b->unread, run))
		return true;
	if (b->whole && in->len == 0 && !b->ended) {
		b->ended = true;
		mime_recode_end(b->recode);
	}
	return recode(b, in, run);
}

void smtp_binary_end(struct smtp_binary *b) { b->whole = true; }

err smtp_binary_err(const struct smtp_binary *b) { return mime_recode_err(b->recode); }

void smtp_binary_fini(struct smtp_binary *b)
{
	b->recode = NULL;
	arena_reset(&b->arena);
}
