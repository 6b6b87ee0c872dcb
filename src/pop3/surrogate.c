#include "pop3/surrogate.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/flight.h"
#include "base/limits.h"
#include "mime/surrogate.h"
#include "store/scratch.h"

struct pop3_surrogate {
	const struct message *message;
	struct flight *flight;
	uint64_t fingerprint;
	struct arena arena;
	struct mime_surrogate *filter;
	file scratch;
	bool counted; /* and not kept */
	bool fed_prefix, ended;
	uint64_t read; /* of the content */
	uint64_t size; /* of the surrogate */
	/* Octets that wait to be written together: runs are short. */
	size_t held;
	char hold[LIMIT_BLOCK / 4];
};

/* Once a message has felled the server twice, nobody looks into it again. */
static err check_quarantine(struct pop3_surrogate *s)
{
	const struct message *m = s->message;
	size_t n = m->size < LIMIT_FLIGHT_FINGERPRINT ? (size_t)m->size : LIMIT_FLIGHT_FINGERPRINT;
	char first[LIMIT_FLIGHT_FINGERPRINT];

	TRY(file_read_at(m->fd, first, n, m->offset));
	s->fingerprint = flight_fingerprint((str){ first, n });
	return flight_is_quarantined(s->flight, s->fingerprint)
	               ? (err){ ERR_LIMIT, 0, "the message is quarantined" }
	               : OK;
}

err pop3_surrogate_new(const struct message *message, struct store *store, struct flight *flight,
                       struct pop3_surrogate **out)
{
	struct pop3_surrogate *s = calloc(1, sizeof *s);

	if (!s)
		return ERR_NO_MEMORY;
	s->message = message;
	s->flight = flight;
	s->scratch = FILE_NONE;
	s->counted = !store;
	arena_init(&s->arena, NULL, LIMIT_SURROGATE_ARENA);
	err e = check_quarantine(s);
	if (e.code == ERR_OK)
		e = mime_surrogate_new(&s->arena, &s->filter);
	if (e.code == ERR_OK && store)
		e = scratch_open(store, &s->scratch);
	if (e.code != ERR_OK) {
		pop3_surrogate_free(s);
		return e;
	}
	*out = s;
	return OK;
}

static err write_held(struct pop3_surrogate *s)
{
	struct iovec part = { s->hold, s->held };

	if (s->held > 0 && !s->counted)
		TRY(file_write_at(s->scratch, &part, 1, s->size - s->held));
	s->held = 0;
	return OK;
}

static err add(struct pop3_surrogate *s, str run)
{
	if (s->counted) {
		s->size += run.len;
		return OK;
	}
	while (run.len > 0) {
		size_t room = sizeof s->hold - s->held, n = run.len < room ? run.len : room;
		memcpy(s->hold + s->held, run.ptr, n);
		s->held += n;
		s->size += n;
		run = str_from(run, n);
		if (s->held == sizeof s->hold)
			TRY(write_held(s));
	}
	return OK;
}

/* Through the filter, as far as `top` wants. */
static err filter(struct pop3_surrogate *s, str in, struct pop3_top *top)
{
	str run;

	while (!(top && pop3_top_ended(top)) && mime_surrogate_next(s->filter, &in, &run))
		TRY(add(s, top ? str_slice(run, 0, pop3_top_take(top, run)) : run));
	/* The arena has its ceiling; a machine without memory ends otherwise. */
	return mime_surrogate_err(s->filter).code == ERR_OK
	               ? OK
	               : (err){ ERR_LIMIT, 0, "no surrogate can be made" };
}

static err feed(struct pop3_surrogate *s, struct pop3_top *top)
{
	const struct message *m = s->message;
	uint64_t left = m->size - s->read;
	size_t n = left < LIMIT_BLOCK ? (size_t)left : LIMIT_BLOCK;
	char block[LIMIT_BLOCK];

	if (!s->fed_prefix) {
		s->fed_prefix = true;
		return filter(s, m->prefix, top);
	}
	if (n == 0) {
		s->ended = true;
		mime_surrogate_end(s->filter);
		return filter(s, STR(""), top);
	}
	TRY(file_read_at(m->fd, block, n, m->offset + s->read));
	s->read += n;
	return filter(s, (str){ block, n }, top);
}

err pop3_surrogate_make(struct pop3_surrogate *s, struct pop3_top *top, int64_t end_tick_ms, bool *done)
{
	struct flight_slot *slot = flight_slot_take(s->flight);
	err e;

	flight_set(slot, FLIGHT_STORED, (ip){ 0 }, 0, s->fingerprint);
	do {
		e = feed(s, top);
		*done = s->ended || (top && pop3_top_ended(top));
	} while (e.code == ERR_OK && !*done && clock_tick_ms() < end_tick_ms);
	flight_clear(slot);
	flight_slot_give(s->flight, slot);
	TRY(e);
	if (!*done)
		return OK;
	arena_reset(&s->arena); /* the octets are all that is still wanted */
	return write_held(s);
}

uint64_t pop3_surrogate_size(const struct pop3_surrogate *s) { return s->size; }

file pop3_surrogate_file(const struct pop3_surrogate *s) { return s->scratch; }

void pop3_surrogate_free(struct pop3_surrogate *s)
{
	if (!s)
		return;
	file_close(&s->scratch);
	arena_reset(&s->arena);
	free(s);
}
