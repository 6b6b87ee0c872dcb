#include "store/mailbox.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "store/batch.h"
#include "store/content_handle.h"
#include "store/record.h"
#include "store/store_internal.h"

enum {
	OPEN_TOGETHER = 32, /* messages whose places one look at the database finds */
	FRONT = 1024,       /* octets of a record read at first */
};

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
	uint32_t uid;
	err found; /* OK, ERR_MISSING, ERR_CORRUPT: the content is not there */
	struct content_place content;
	uint64_t prefix_at, prefix_size;
};

static const err expunged = { ERR_MISSING, 0, "the message was deleted meanwhile" };

static err find_message(struct database *db, uint64_t account_id, uint64_t mailbox_id, struct place *p)
{
	enum query q = Q_MESSAGE_PLACE;
	bool found = false;
	err e = db_start(db, q, DB_INT(account_id), DB_INT(mailbox_id), DB_INT(p->uid));

	if (e.code == ERR_OK)
		e = db_row(db, q, &found);
	if (e.code == ERR_OK && found) {
		p->content.content_id = db_u64(db, q, 0);
		p->prefix_at = db_u64(db, q, 1);
		p->prefix_size = db_u64(db, q, 2);
	}
	db_end(db, q);
	TRY(e);
	if (!found)
		return expunged;
	return content_find(db, &p->content);
}

/* Up to OPEN_TOGETHER of them; their UIDs ascend. */
static err find_messages(struct database *db, uint64_t account_id, uint64_t mailbox_id, struct place *places,
                         size_t count)
{
	struct mailbox_row rows[OPEN_TOGETHER] = { 0 };
	size_t left = count, at = 0;

	for (size_t i = 0; i < count; i++) {
		places[i].found = find_message(db, account_id, mailbox_id, &places[i]);
		rows[i].uid = places[i].uid;
	}
	TRY(pass_over_expunged(db, account_id, mailbox_id, rows, &left));
	for (size_t i = 0; i < count; i++) {
		if (at < left && rows[at].uid == places[i].uid)
			at++;
		else
			places[i].found = expunged;
	}
	return OK;
}

static err find_places(struct store *store, uint64_t account_id, uint64_t mailbox_id, struct place *places,
                       size_t count)
{
	struct database *db;

	TRY(readers_take(store->readers, &db));
	err e = db_begin_read(db);
	if (e.code == ERR_OK)
		e = find_messages(db, account_id, mailbox_id, places, count);
	db_end_read(db);
	readers_give(store->readers, db);
	return e;
}

static err check_prefix(const struct place *p, const struct record_head *head)
{
	uint64_t end = RECORD_HEAD_SIZE + (uint64_t)head->intent_size;

	if (p->prefix_size > LIMIT_PREFIX || p->prefix_at < RECORD_HEAD_SIZE || p->prefix_at > end ||
	    p->prefix_at + p->prefix_size > end)
		return (err){ ERR_CORRUPT, 0, "a record is not the one that its row names" };
	return OK;
}

/* Of a place that was found. Moves of compaction may come between reading the row and opening the segment:
 * then the row says anew where. */
static err acquire(struct store *store, uint64_t account_id, uint64_t mailbox_id, struct place *p,
                   struct segment **segment)
{
	enum { TRIES = 3 };

	for (int i = 1;; i++) {
		TRY(p->found);
		err e = segment_acquire(store->segments, p->content.segment, segment);
		if (e.code != ERR_MISSING)
			return e;
		if (i == TRIES)
			return (err){ ERR_CORRUPT, 0, "a segment is not there" };
		TRY(find_places(store, account_id, mailbox_id, p, 1));
	}
}

/* Head and prefix, which in most records stand so near that one read has both. */
static err read_front(struct segment *segment, struct arena *arena, const struct place *p, str *prefix)
{
	char front[FRONT];
	struct record_head head;
	uint64_t end = p->prefix_at + p->prefix_size;
	bool together = end >= RECORD_HEAD_SIZE && end <= sizeof front && end <= p->content.content_at;
	size_t size = together ? end : RECORD_HEAD_SIZE;

	TRY(file_read_at(segment_fd(segment), front, size, p->content.offset));
	TRY(content_parse_head((str){ front, size }, &p->content, &head));
	TRY(check_prefix(p, &head));
	char *octets = arena_alloc(arena, p->prefix_size + 1);
	if (!octets)
		return ERR_NO_MEMORY;
	if (together)
		memcpy(octets, front + p->prefix_at, p->prefix_size);
	else
		TRY(file_read_at(segment_fd(segment), octets, p->prefix_size,
		                 p->content.offset + p->prefix_at));
	*prefix = (str){ octets, p->prefix_size };
	return OK;
}

static err open_message(struct store *store, struct arena *arena, const struct place *p,
                        struct segment *segment, struct message *out)
{
	struct content_range range = { 0 };
	str prefix;

	TRY(read_front(segment, arena, p, &prefix));
	TRY(content_open(store, &p->content, segment, &range));
	*out = (struct message){ prefix, range.fd, range.offset, range.size, range.handle };
	return OK;
}

static err open_place(struct store *store, struct arena *arena, uint64_t account_id, uint64_t mailbox_id,
                      struct place *p, struct message *out)
{
	struct segment *segment = NULL;
	err e = acquire(store, account_id, mailbox_id, p, &segment);

	if (e.code == ERR_OK)
		e = open_message(store, arena, p, segment, out);
	segment_release(segment);
	if (e.code == ERR_CORRUPT)
		store_report_damage(store, "record", p->content.segment, p->content.offset, e.what);
	return e;
}

err message_open(struct store *store, struct arena *arena, uint64_t account_id, uint64_t mailbox_id,
                 uint32_t uid, struct message *out)
{
	struct place p = { .uid = uid };

	TRY(find_places(store, account_id, mailbox_id, &p, 1));
	return open_place(store, arena, account_id, mailbox_id, &p, out);
}

size_t message_open_some(struct store *store, struct arena *arena, uint64_t account_id, uint64_t mailbox_id,
                         const uint32_t *uids, size_t count, int64_t end_tick_ms, struct message *out)
{
	struct place places[OPEN_TOGETHER] = { 0 };
	size_t n = 0;

	if (count > OPEN_TOGETHER)
		count = OPEN_TOGETHER;
	for (size_t i = 0; i < count; i++)
		places[i].uid = uids[i];
	if (find_places(store, account_id, mailbox_id, places, count).code != ERR_OK)
		return 0;
	while (n < count && clock_tick_ms() < end_tick_ms &&
	       open_place(store, arena, account_id, mailbox_id, &places[n], &out[n]).code == ERR_OK)
		n++;
	return n;
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
	struct place p = { .uid = uid };
	char *octets = NULL;

	TRY(find_places(store, account_id, mailbox_id, &p, 1));
	err e = acquire(store, account_id, mailbox_id, &p, &segment);
	if (e.code == ERR_OK)
		e = content_check_head(segment, &p.content, &head);
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
