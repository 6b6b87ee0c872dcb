#include "queue/seven_bit_copy.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/flight.h"
#include "base/limits.h"
#include "mime/seven_bit.h"

struct seven_bit_copy {
	struct flight *flight;
	uint64_t fingerprint;
	file in, out;
	uint64_t offset, size;
	uint64_t read;    /* of the content, in this reading */
	uint64_t written; /* of the copy */
	struct arena arena;
	struct mime_seven_bit_survey *survey;
	struct mime_seven_bit_plan plan;
	struct mime_seven_bit *filter; /* NULL: the first reading */
	bool done;
	/* Octets that wait to be written together: runs are short. */
	size_t held;
	char hold[LIMIT_BLOCK];
};

/* Once a message has felled the server twice, nobody looks into it again. */
static err check_quarantine(struct seven_bit_copy *c)
{
	size_t n = c->size < LIMIT_FLIGHT_FINGERPRINT ? (size_t)c->size : LIMIT_FLIGHT_FINGERPRINT;
	char first[LIMIT_FLIGHT_FINGERPRINT];

	TRY(file_read_at(c->in, first, n, c->offset));
	c->fingerprint = flight_fingerprint((str){ first, n });
	return flight_is_quarantined(c->flight, c->fingerprint)
	               ? (err){ ERR_LIMIT, 0, "the message is quarantined" }
	               : OK;
}

err seven_bit_copy_new(struct flight *flight, file in, uint64_t offset, uint64_t size, file out,
                       struct seven_bit_copy **copy)
{
	struct seven_bit_copy *c = calloc(1, sizeof *c);

	if (!c)
		return ERR_NO_MEMORY;
	c->flight = flight;
	c->in = in;
	c->offset = offset;
	c->size = size;
	c->out = out;
	arena_init(&c->arena, NULL, LIMIT_SEVEN_BIT_ARENA);
	err e = check_quarantine(c);
	if (e.code == ERR_OK)
		e = mime_seven_bit_survey_new(&c->arena, &c->survey);
	if (e.code != ERR_OK) {
		seven_bit_copy_free(c);
		return e;
	}
	*copy = c;
	return OK;
}

static err write_held(struct seven_bit_copy *c)
{
	struct iovec part = { c->hold, c->held };

	if (c->held > 0)
		TRY(file_write_at(c->out, &part, 1, c->written));
	c->written += c->held;
	c->held = 0;
	return OK;
}

static err add(struct seven_bit_copy *c, str run)
{
	while (run.len > 0) {
		size_t room = sizeof c->hold - c->held, n = run.len < room ? run.len : room;
		memcpy(c->hold + c->held, run.ptr, n);
		c->held += n;
		run = str_from(run, n);
		if (c->held == sizeof c->hold)
			TRY(write_held(c));
	}
	return OK;
}

static err filter(struct seven_bit_copy *c, str in)
{
	str run;

	while (mime_seven_bit_next(c->filter, &in, &run))
		TRY(add(c, run));
	return mime_seven_bit_err(c->filter);
}

/* The end of a reading. */
static err turn(struct seven_bit_copy *c)
{
	if (c->filter) {
		mime_seven_bit_end(c->filter);
		TRY(filter(c, STR("")));
		TRY(write_held(c));
		c->done = true;
		return OK;
	}
	TRY(mime_seven_bit_survey_end(c->survey, &c->plan));
	c->read = 0;
	c->done = !c->plan.changes;
	return c->done ? OK : mime_seven_bit_new(&c->arena, &c->plan, &c->filter);
}

static err feed(struct seven_bit_copy *c)
{
	uint64_t left = c->size - c->read;
	size_t n = left < LIMIT_BLOCK ? (size_t)left : LIMIT_BLOCK;
	char block[LIMIT_BLOCK];

	if (n == 0)
		return turn(c);
	TRY(file_read_at(c->in, block, n, c->offset + c->read));
	c->read += n;
	if (c->filter)
		return filter(c, (str){ block, n });
	mime_seven_bit_survey_push(c->survey, (str){ block, n });
	return OK;
}

err seven_bit_copy_run(struct seven_bit_copy *c, int64_t end_tick_ms, bool *done)
{
	struct flight_slot *slot = flight_slot_take(c->flight);
	err e = OK;

	flight_set(slot, FLIGHT_STORED, (ip){ 0 }, 0, c->fingerprint);
	while (e.code == ERR_OK && !c->done) {
		e = feed(c);
		if (clock_tick_ms() >= end_tick_ms)
			break;
	}
	flight_clear(slot);
	flight_slot_give(c->flight, slot);
	TRY(e);
	*done = c->done;
	return OK;
}

uint64_t seven_bit_copy_size(const struct seven_bit_copy *c) { return c->written; }

void seven_bit_copy_free(struct seven_bit_copy *c)
{
	if (!c)
		return;
	arena_reset(&c->arena);
	free(c);
}
