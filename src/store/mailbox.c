#include "store/mailbox.h"

#include "base/bytes.h"
#include "store/batch.h"
#include "store/content_handle.h"
#include "store/record.h"
#include "store/store_internal.h"

err mailbox_get_status(struct store *store, uint64_t account_id, uint64_t mailbox_id,
                       struct mailbox_status *out)
{
	struct database *db;
	bool found = false;
	enum query q = Q_MAILBOX_GET;

	TRY(readers_take(store->readers, &db));
	err e = db_start(db, q, DB_INT(account_id), DB_INT(mailbox_id));
	if (e.code == ERR_OK)
		e = db_row(db, q, &found);
	if (e.code == ERR_OK && found)
		*out = (struct mailbox_status){ (uint32_t)db_u64(db, q, 0), (uint32_t)db_u64(db, q, 1),
			                        db_u64(db, q, 2), db_u64(db, q, 3), db_u64(db, q, 4) };
	db_end(db, q);
	readers_give(store->readers, db);
	TRY(e);
	return found ? OK : (err){ ERR_MISSING, 0, "no such mailbox" };
}

static err read_rows(struct database *db, uint64_t account_id, uint64_t mailbox_id, uint32_t after_uid,
                     struct mailbox_row *rows, size_t room, size_t *count)
{
	enum query q = Q_MESSAGE_ROWS;
	bool more = false;
	size_t n = 0;
	err e = db_start(db, q, DB_INT(account_id), DB_INT(mailbox_id), DB_INT(after_uid), DB_INT(room));

	while (e.code == ERR_OK && (e = db_row(db, q, &more)).code == ERR_OK && more)
		rows[n++] = (struct mailbox_row){ (uint32_t)db_u64(db, q, 0), (uint32_t)db_u64(db, q, 1),
			                          db_u64(db, q, 2), db_int(db, q, 3) };
	db_end(db, q);
	*count = n;
	return e;
}

/* Takes the rows out whose UIDs one published expunge names; both ascend. */
static size_t without(struct mailbox_row *rows, size_t count, str uids)
{
	uint64_t uid = 0, delta;
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		while (uid < rows[i].uid && bytes_varint(&uids, &delta))
			uid += delta;
		if (uid != rows[i].uid)
			rows[kept++] = rows[i];
	}
	return kept;
}

/* In the transaction that read the rows: a counter outside it may already speak of a later state. */
static err pass_over_expunged(struct database *db, uint64_t account_id, uint64_t mailbox_id,
                              struct mailbox_row *rows, size_t *count)
{
	enum query q = Q_PENDING_OF_MAILBOX;
	bool more = false;
	err e = db_start(db, q, DB_INT(account_id), DB_INT(mailbox_id));

	while (e.code == ERR_OK && (e = db_row(db, q, &more)).code == ERR_OK && more)
		*count = without(rows, *count, db_text(db, q, 0));
	db_end(db, q);
	return e;
}

err mailbox_read_rows(struct store *store, uint64_t account_id, uint64_t mailbox_id, uint32_t after_uid,
                      struct mailbox_row *rows, size_t room, size_t *count)
{
	struct database *db;
	size_t n = 0;

	if (room > LIMIT_READ_ROWS)
		room = LIMIT_READ_ROWS;
	TRY(readers_take(store->readers, &db));
	err e;
	do { /* a page that an expunge emptied is not the end */
		e = db_begin_read(db);
		if (e.code == ERR_OK)
			e = read_rows(db, account_id, mailbox_id, after_uid, rows, room, &n);
		if (n)
			after_uid = rows[n - 1].uid;
		size_t read = n;
		if (e.code == ERR_OK && n)
			e = pass_over_expunged(db, account_id, mailbox_id, rows, &n);
		db_end_read(db);
		if (read == 0)
			break;
	} while (e.code == ERR_OK && n == 0);
	readers_give(store->readers, db);
	TRY(e);
	*count = n;
	return OK;
}

/* --- messages --- */

struct place {
	struct content_place content;
	uint64_t prefix_at, prefix_size;
};

static err find_message(struct database *db, uint64_t account_id, uint64_t mailbox_id, uint32_t uid,
                        struct place *p)
{
	enum query q = Q_MESSAGE_PLACE;
	struct mailbox_row row = { .uid = uid };
	bool found = false;
	size_t count = 1;
	err e = db_start(db, q, DB_INT(account_id), DB_INT(mailbox_id), DB_INT(uid));

	if (e.code == ERR_OK)
		e = db_row(db, q, &found);
	if (e.code == ERR_OK && found) {
		p->content.content_id = db_u64(db, q, 0);
		p->prefix_at = db_u64(db, q, 1);
		p->prefix_size = db_u64(db, q, 2);
	}
	db_end(db, q);
	TRY(e);
	if (found)
		TRY(pass_over_expunged(db, account_id, mailbox_id, &row, &count));
	return found && count ? OK : (err){ ERR_MISSING, 0, "the message was deleted meanwhile" };
}

static err find_place(struct store *store, uint64_t account_id, uint64_t mailbox_id, uint32_t uid,
                      struct place *p)
{
	struct database *db;

	TRY(readers_take(store->readers, &db));
	err e = db_begin_read(db);
	if (e.code == ERR_OK)
		e = find_message(db, account_id, mailbox_id, uid, p);
	if (e.code == ERR_OK)
		e = content_find(db, &p->content);
	db_end_read(db);
	readers_give(store->readers, db);
	return e;
}

static err check_head(struct segment *segment, const struct place *p, struct record_head *head)
{
	TRY(content_check_head(segment, &p->content, head));
	if (p->prefix_size > LIMIT_PREFIX || p->prefix_at < RECORD_HEAD_SIZE ||
	    p->prefix_at + p->prefix_size > RECORD_HEAD_SIZE + (uint64_t)head->intent_size)
		return (err){ ERR_CORRUPT, 0, "a record is not the one that its row names" };
	return OK;
}

/* Moves of compaction may come between reading the row and opening the segment: then the row says anew where.
 */
static err open_place(struct store *store, uint64_t account_id, uint64_t mailbox_id, uint32_t uid,
                      struct place *p, struct segment **segment)
{
	enum { TRIES = 3 };
	err e = OK;

	for (int i = 0; i < TRIES; i++) {
		TRY(find_place(store, account_id, mailbox_id, uid, p));
		e = segment_acquire(store->segments, p->content.segment, segment);
		if (e.code != ERR_MISSING)
			break;
		e = (err){ ERR_CORRUPT, 0, "a segment is not there" };
	}
	return e;
}

static err read_prefix(struct segment *segment, struct arena *arena, const struct place *p, str *out)
{
	char *prefix = arena_alloc(arena, p->prefix_size + 1);

	if (!prefix)
		return ERR_NO_MEMORY;
	TRY(file_read_at(segment_fd(segment), prefix, p->prefix_size, p->content.offset + p->prefix_at));
	*out = (str){ prefix, p->prefix_size };
	return OK;
}

err message_open(struct store *store, struct arena *arena, uint64_t account_id, uint64_t mailbox_id,
                 uint32_t uid, struct message *out)
{
	struct segment *segment = NULL;
	struct record_head head;
	struct content_range range = { 0 };
	struct message m = { 0 };
	struct place p = { 0 };
	err e = open_place(store, account_id, mailbox_id, uid, &p, &segment);

	if (e.code == ERR_OK)
		e = check_head(segment, &p, &head);
	if (e.code == ERR_OK)
		e = read_prefix(segment, arena, &p, &m.prefix);
	if (e.code == ERR_OK)
		e = content_open(store, &p.content, segment, &range);
	segment_release(segment);
	if (e.code == ERR_CORRUPT)
		store_report_damage(store, "record", p.content.segment, p.content.offset, e.what);
	TRY(e);
	m.fd = range.fd;
	m.offset = range.offset;
	m.size = range.size;
	m.handle = range.handle;
	*out = m;
	return OK;
}

void message_close(struct message *m)
{
	content_close(m->handle);
	m->handle = NULL;
}

err message_read_summary(struct store *store, struct arena *arena, uint64_t account_id, uint64_t mailbox_id,
                         uint32_t uid, str *out)
{
	struct segment *segment = NULL;
	struct record_head head = { 0 };
	struct place p = { 0 };
	char *octets = NULL;
	err e = open_place(store, account_id, mailbox_id, uid, &p, &segment);

	if (e.code == ERR_OK)
		e = check_head(segment, &p, &head);
	if (e.code == ERR_OK && !(octets = arena_alloc(arena, head.summary_size + 1)))
		e = ERR_NO_MEMORY;
	if (e.code == ERR_OK)
		e = file_read_at(segment_fd(segment), octets, head.summary_size,
		                 p.content.offset + RECORD_HEAD_SIZE + head.intent_size);
	segment_release(segment);
	if (e.code == ERR_CORRUPT)
		store_report_damage(store, "record", p.content.segment, p.content.offset, e.what);
	TRY(e);
	*out = (str){ octets, head.summary_size };
	return OK;
}
