/* Notes: written with a batch, read in pages. */
#include "store/note.h"

#include "store/batch.h"

static err note_reserve(struct batch *b, struct planned *p)
{
	const struct notes *all = &p->op->notes;

	(void)b;
	if (all->count > LIMIT_BATCH_ROWS)
		return (err){ ERR_LIMIT, LIMIT_BATCH_ROWS, "more notes than one batch takes" };
	for (size_t i = 0; i < all->count; i++) {
		const struct note *n = &all->items[i];
		if (n->key.len == 0 || n->key.len > LIMIT_NOTE_KEY || n->value.len > LIMIT_NOTE_VALUE)
			return (err){ ERR_LIMIT, (uint32_t)i, "a note's key or value is too long" };
	}
	return OK;
}

static err note_apply(struct batch *b, struct planned *p)
{
	const struct notes *all = &p->op->notes;

	for (size_t i = 0; i < all->count; i++) {
		const struct note *n = &all->items[i];
		if (n->value.len)
			TRY(db_run(b->db, Q_NOTE_PUT, DB_BLOB(n->key), DB_BLOB(n->value)));
		else
			TRY(db_run(b->db, Q_NOTE_REMOVE, DB_BLOB(n->key)));
	}
	return OK;
}

static void note_settle(struct batch *b, struct planned *p, bool ok)
{
	(void)b;
	(void)p;
	(void)ok;
}

const struct op_steps note_steps = { note_reserve, note_apply, note_settle };

/* `after` itself is the first row, where it is still there. */
static err read_page(struct database *db, struct arena *arena, str prefix, str after, struct note *notes,
                     size_t room, size_t *count)
{
	enum query q = Q_NOTE_PAGE;
	bool more = false;
	err e = db_start(db, q, DB_BLOB(after.len ? after : prefix), DB_INT(room + 1));

	while (*count < room && e.code == ERR_OK && (e = db_row(db, q, &more)).code == ERR_OK && more) {
		str key = db_text(db, q, 0);
		if (!str_starts(key, prefix))
			break;
		if (after.len && str_eq(key, after))
			continue;
		e = arena_copy(arena, key, &notes[*count].key);
		if (e.code == ERR_OK)
			e = arena_copy(arena, db_text(db, q, 1), &notes[*count].value);
		*count += e.code == ERR_OK;
	}
	db_end(db, q);
	return e;
}

err note_read(struct store *store, struct arena *arena, str prefix, str after, struct note *notes,
              size_t room, size_t *count)
{
	struct database *db;

	*count = 0;
	TRY(readers_take(store->readers, &db));
	err e = read_page(db, arena, prefix, after, notes, room < LIMIT_READ_ROWS ? room : LIMIT_READ_ROWS,
	                  count);
	readers_give(store->readers, db);
	return e;
}
