#include "pop3/opened.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "net/conn.h"
#include "pop3/surrogate.h"
#include "pop3/view.h"

enum pop3_form pop3_form_of(const struct pop3_message *m, bool utf8)
{
	return m->smtputf8 && !utf8 ? POP3_SURROGATE : POP3_AS_IT_IS;
}

/* Takes the message over, also on failure. */
static err opened_new(struct pop3_want want, struct message *m, struct pop3_opened **out)
{
	struct pop3_opened *opened = malloc(sizeof *opened + m->prefix.len);

	if (!opened) {
		message_close(m);
		return ERR_NO_MEMORY;
	}
	*opened = (struct pop3_opened){ .want = want, .message = *m };
	if (m->prefix.len > 0)
		memcpy(opened->prefix, m->prefix.ptr, m->prefix.len);
	opened->message.prefix.ptr = opened->prefix;
	pop3_top_init(&opened->top, want.lines);
	*out = opened;
	return OK;
}

static err open_it(struct pop3_source source, struct pop3_want want, struct pop3_opened **out)
{
	struct arena arena;
	struct message m;

	arena_init(&arena, NULL, 4 * LIMIT_PREFIX);
	err e = message_open(source.store, &arena, source.account_id, MAILBOX_INBOX, want.uid, &m);
	if (e.code != ERR_OK) {
		arena_reset(&arena);
		return e;
	}
	e = opened_new(want, &m, out);
	arena_reset(&arena);
	TRY(e);
	if (want.form == POP3_AS_IT_IS)
		return OK;
	e = pop3_surrogate_new(&(*out)->message, want.form == POP3_SURROGATE ? source.store : NULL,
	                       source.flight, &(*out)->surrogate);
	if (e.code != ERR_OK) {
		pop3_opened_close(*out);
		*out = NULL;
	}
	return e;
}

/* One block of the content further. */
static err measure_block(struct pop3_opened *opened)
{
	const struct message *m = &opened->message;
	uint64_t left = m->size - opened->size;
	size_t n = left < LIMIT_BLOCK ? (size_t)left : LIMIT_BLOCK;
	char block[LIMIT_BLOCK];

	TRY(file_read_at(m->fd, block, n, m->offset + opened->size));
	opened->size += pop3_top_take(&opened->top, (str){ block, n });
	opened->measured = pop3_top_ended(&opened->top) || opened->size == m->size;
	return OK;
}

static err measure_surrogate(struct pop3_opened *opened, int64_t end_tick_ms)
{
	bool whole = opened->want.lines >= opened->message.size;

	TRY(pop3_surrogate_make(opened->surrogate, whole ? NULL : &opened->top, end_tick_ms,
	                        &opened->measured));
	opened->size = pop3_surrogate_size(opened->surrogate);
	return OK;
}

static err measure(struct pop3_opened *opened, int64_t end_tick_ms)
{
	if (opened->surrogate)
		return measure_surrogate(opened, end_tick_ms);
	/* So many lines it can't have: it is sent whole and not looked at. Some clients always ask like that
	 * (fetchmail: TOP 1 99999999), since RETR marks a message as seen on other servers. */
	if (opened->want.lines >= opened->message.size) {
		opened->size = opened->message.size;
		opened->measured = true;
		return OK;
	}
	do
		TRY(measure_block(opened));
	while (!opened->measured && clock_tick_ms() < end_tick_ms);
	return OK;
}

err pop3_opened_prepare(struct pop3_source source, struct pop3_want want, int64_t end_tick_ms,
                        struct pop3_opened **opened)
{
	if (!*opened)
		TRY(open_it(source, want, opened));
	return measure(*opened, end_tick_ms);
}

void pop3_opened_prepare_some(struct pop3_source source, const struct pop3_want *wants, size_t count,
                              int64_t end_tick_ms, struct pop3_opened **opened)
{
	struct message messages[LIMIT_POP3_AHEAD];
	uint32_t uids[LIMIT_POP3_AHEAD];
	struct arena arena;

	assert(count <= LIMIT_POP3_AHEAD);
	for (size_t i = 0; i < count; i++) {
		uids[i] = wants[i].uid;
		opened[i] = NULL;
	}
	arena_init(&arena, NULL, (count + 4) * LIMIT_PREFIX);
	count = message_open_some(source.store, &arena, source.account_id, MAILBOX_INBOX, uids, count,
	                          end_tick_ms, messages);
	for (size_t i = 0; i < count; i++)
		if (opened_new(wants[i], &messages[i], &opened[i]).code == ERR_OK)
			(void)measure(opened[i], end_tick_ms); /* then it is said of it alone */
	arena_reset(&arena);
}

uint64_t pop3_opened_size(const struct pop3_opened *opened)
{
	return (opened->surrogate ? 0 : opened->message.prefix.len) + opened->size;
}

static void release(void *opened) { pop3_opened_close(opened); }

err pop3_opened_send(struct pop3_opened *opened, struct conn *conn)
{
	const struct message *m = &opened->message;
	struct conn_range content = { .fd = m->fd,
		                      .offset = m->offset,
		                      .size = opened->size,
		                      .dot_stuff = true,
		                      .release = release,
		                      .owner = opened };

	if (opened->surrogate) {
		content.fd = pop3_surrogate_file(opened->surrogate);
		content.offset = 0;
	}
	err e = conn_write_dot_stuffed(conn, opened->surrogate ? STR("") : m->prefix);
	if (e.code != ERR_OK) {
		pop3_opened_close(opened);
		return e;
	}
	TRY(conn_write_range(conn, &content)); /* from here on it is the connection's */
	return conn_write_dot_end(conn);
}

void pop3_opened_close(struct pop3_opened *opened)
{
	if (!opened)
		return;
	pop3_surrogate_free(opened->surrogate);
	message_close(&opened->message);
	free(opened);
}
