#include "store/mailbox_state.h"

#include <stdlib.h>

#include "base/table.h"

enum { STATES_MAX = 100000 }; /* some 10 MB */

struct mailbox_states {
	struct table table;
	struct mailbox_state **dirty;
	size_t dirty_count, dirty_room;
};

err mailbox_states_new(struct mailbox_states **out)
{
	struct mailbox_states *s = calloc(1, sizeof *s);

	if (!s)
		return ERR_NO_MEMORY;
	*out = s;
	return OK;
}

void mailbox_states_forget(struct mailbox_states *s)
{
	size_t at = 0;

	for (struct mailbox_state *m; (m = table_next(&s->table, &at));)
		free(m);
	table_fini(&s->table);
	s->dirty_count = 0;
}

void mailbox_states_free(struct mailbox_states *s)
{
	if (!s)
		return;
	mailbox_states_forget(s);
	free(s->dirty);
	free(s);
}

static err load(struct database *db, struct mailbox_state *m)
{
	bool found = false;
	err e = db_start(db, Q_MAILBOX_GET, DB_INT(m->key[0]), DB_INT(m->key[1]));

	if (e.code == ERR_OK)
		e = db_row(db, Q_MAILBOX_GET, &found);
	if (e.code == ERR_OK && found) {
		m->uidvalidity = (uint32_t)db_u64(db, Q_MAILBOX_GET, 0);
		m->uidnext = (uint32_t)db_u64(db, Q_MAILBOX_GET, 1);
		m->modseq = db_u64(db, Q_MAILBOX_GET, 2);
		m->messages = db_u64(db, Q_MAILBOX_GET, 3);
		m->octets = db_u64(db, Q_MAILBOX_GET, 4);
	}
	db_end(db, Q_MAILBOX_GET);
	TRY(e);
	return found ? OK : (err){ ERR_MISSING, 0, "no such mailbox" };
}

err mailbox_states_get(struct mailbox_states *s, struct database *db, uint64_t account_id,
                       uint64_t mailbox_id, struct mailbox_state **out)
{
	uint64_t key[2] = { account_id, mailbox_id };
	struct mailbox_state *m = table_get(&s->table, (str){ (const char *)key, sizeof key });

	if (m) {
		*out = m;
		return OK;
	}
	m = calloc(1, sizeof *m);
	if (!m)
		return ERR_NO_MEMORY;
	m->key[0] = account_id;
	m->key[1] = mailbox_id;
	err e = load(db, m);
	if (e.code == ERR_OK)
		e = table_set(&s->table, (str){ (const char *)m->key, sizeof m->key }, m);
	if (e.code != ERR_OK) {
		free(m);
		return e;
	}
	*out = m;
	return OK;
}

err mailbox_states_touch(struct mailbox_states *s, struct mailbox_state *m)
{
	if (m->dirty)
		return OK;
	if (s->dirty_count == s->dirty_room) {
		size_t room = s->dirty_room ? s->dirty_room * 2 : 256;
		struct mailbox_state **more = realloc(s->dirty, room * sizeof *more);
		if (!more)
			return ERR_NO_MEMORY;
		s->dirty = more;
		s->dirty_room = room;
	}
	m->dirty = true;
	s->dirty[s->dirty_count++] = m;
	return OK;
}

static int by_key(const void *a, const void *b)
{
	const struct mailbox_state *x = *(struct mailbox_state *const *)a,
				   *y = *(struct mailbox_state *const *)b;
	size_t part = x->key[0] == y->key[0];

	return (x->key[part] > y->key[part]) - (x->key[part] < y->key[part]);
}

err mailbox_states_flush(struct mailbox_states *s, struct database *db)
{
	if (s->dirty_count > 1)
		qsort(s->dirty, s->dirty_count, sizeof *s->dirty, by_key);
	for (size_t i = 0; i < s->dirty_count; i++) {
		const struct mailbox_state *m = s->dirty[i];
		TRY(db_run(db, Q_MAILBOX_SET, DB_INT(m->key[0]), DB_INT(m->key[1]), DB_INT(m->uidnext),
		           DB_INT(m->modseq), DB_INT(m->messages), DB_INT(m->octets)));
	}
	return OK;
}

void mailbox_states_settled(struct mailbox_states *s)
{
	for (size_t i = 0; i < s->dirty_count; i++)
		s->dirty[i]->dirty = false;
	s->dirty_count = 0;
	if (s->table.used > STATES_MAX)
		mailbox_states_forget(s);
}
