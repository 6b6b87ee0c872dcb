#include "store/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "store/record.h"
#include "store/verify_internal.h"

struct message_row {
	uint64_t account_id, mailbox_id, uid, content_id, size, prefix_at, prefix_size;
};

struct mailbox_counts {
	uint64_t account_id, mailbox_id, uidvalidity, uidnext, modseq, messages, octets;
};

#define WHERE_MESSAGE "account %" PRIu64 ", mailbox %" PRIu64 ", UID %" PRIu64
#define WHERE_MAILBOX "account %" PRIu64 ", mailbox %" PRIu64

void verify_add(struct verify *v, const char *kind, bool repairable, const char *what, const char *where, ...)
{
	struct verify_report *r = v->report;
	va_list args;

	if (r->problem_count++ >= LIMIT_VERIFY_PROBLEMS)
		return;
	struct verify_problem *p = arena_new(v->arena, struct verify_problem, 1);
	if (!p)
		return; /* counted all the same */
	va_start(args, where);
	p->where = err_new_list(v->arena, ERR_CORRUPT, where, args).what;
	va_end(args);
	p->kind = kind;
	p->what = what ? what : "damaged";
	p->repairable = repairable;
	if (r->last)
		r->last->next = p;
	else
		r->first = p;
	r->last = p;
}

/* --- the database itself --- */

static err check_database(struct verify *v, bool thorough)
{
	enum query q = thorough ? Q_INTEGRITY_CHECK : Q_QUICK_CHECK;
	bool more = false;
	err e = db_start_values(&v->db, q, NULL, 0);

	while (e.code == ERR_OK && (e = db_row(&v->db, q, &more)).code == ERR_OK && more) {
		str line = db_text(&v->db, q, 0);
		char *what = arena_z(v->arena, line);
		if (str_eq(line, STR("ok")))
			continue;
		v->report->database_damaged = true;
		verify_add(v, "database", true, what, "postrider.db");
	}
	db_end(&v->db, q);
	return e;
}

err verify_read_batch(struct verify *v)
{
	enum query q = Q_BATCH_GET;
	bool there = false;
	err e = db_start(&v->db, q, DB_INT(0));

	if (e.code == ERR_OK)
		e = db_row(&v->db, q, &there);
	if (e.code == ERR_OK && there) {
		v->batch_number = db_u64(&v->db, q, 0);
		v->current_segment = db_u64(&v->db, q, 1);
		v->current_offset = db_u64(&v->db, q, 2);
		v->next_content_id = db_u64(&v->db, q, 3);
	}
	db_end(&v->db, q);
	return e;
}

/* --- messages --- */

static err count_of(struct verify *v, enum query q, const struct db_value *values, size_t n, bool *there)
{
	err e = db_start_values(&v->db, q, values, n);

	if (e.code == ERR_OK)
		e = db_row(&v->db, q, there);
	db_end(&v->db, q);
	return e;
}

static err still_there(struct verify *v, const struct message_row *r, bool *there)
{
	const struct db_value key[] = { DB_INT(r->account_id), DB_INT(r->mailbox_id), DB_INT(r->uid) };

	return count_of(v, Q_MESSAGE_PLACE, key, 3, there);
}

/* Content that came after the pass over contents is looked up; only its being there is judged. */
static const char *row_mistake(struct verify *v, const struct message_row *r, err *e)
{
	struct known_content *c = verify_known(v, r->content_id);
	bool there = false;

	if (!c) {
		*e = count_of(v, Q_CONTENT_GET, (const struct db_value[]){ DB_INT(r->content_id) }, 1,
		              &there);
		return there ? NULL : "the message names content that is not there";
	}
	c->named++;
	if (r->size != r->prefix_size + c->size)
		return "the size is not that of prefix and content";
	if (c->intent_size != UINT32_MAX &&
	    (r->prefix_at < RECORD_HEAD_SIZE || r->prefix_size > LIMIT_PREFIX ||
	     r->prefix_at + r->prefix_size > RECORD_HEAD_SIZE + (uint64_t)c->intent_size))
		return "the prefix lies outside the record's intent";
	return NULL;
}

static err check_message(struct verify *v, const struct message_row *r)
{
	bool there = false;
	err e = OK;
	const char *what = row_mistake(v, r, &e);

	TRY(e);
	if (!what)
		return OK;
	TRY(still_there(v, r, &there));
	if (there)
		verify_add(v, "message", false, what, WHERE_MESSAGE, r->account_id, r->mailbox_id, r->uid);
	return OK;
}

/* Rows of an account that was removed go piece by piece: they are no mistake while that is pending. */
static err is_going(struct verify *v, uint64_t account_id, bool *going)
{
	return count_of(v, Q_PENDING_ACCOUNT, (const struct db_value[]){ DB_INT(account_id) }, 1, going);
}

static err check_mailbox_of(struct verify *v, const struct message_row *r)
{
	const struct db_value key[] = { DB_INT(r->account_id), DB_INT(r->mailbox_id) };
	bool there = false, going = false, message = false;

	TRY(db_begin_read(&v->db));
	err e = count_of(v, Q_MAILBOX_GET, key, 2, &there);
	if (e.code == ERR_OK && !there)
		e = is_going(v, r->account_id, &going);
	if (e.code == ERR_OK && !there && !going)
		e = still_there(v, r, &message);
	db_end_read(&v->db);
	TRY(e);
	if (message)
		verify_add(v, "message", false, "the message stands in a mailbox that is not there",
		           WHERE_MESSAGE, r->account_id, r->mailbox_id, r->uid);
	return OK;
}

static err message_page(struct verify *v, const struct message_row *after, struct message_row *rows,
                        size_t *count)
{
	enum query q = Q_MESSAGE_PAGE;
	bool more = false;
	size_t n = 0;
	err e = db_start(&v->db, q, DB_INT(after->account_id), DB_INT(after->mailbox_id), DB_INT(after->uid),
	                 DB_INT(LIMIT_READ_ROWS));

	while (e.code == ERR_OK && (e = db_row(&v->db, q, &more)).code == ERR_OK && more)
		rows[n++] = (struct message_row){ db_u64(&v->db, q, 0), db_u64(&v->db, q, 1),
			                          db_u64(&v->db, q, 2), db_u64(&v->db, q, 3),
			                          db_u64(&v->db, q, 4), db_u64(&v->db, q, 5),
			                          db_u64(&v->db, q, 6) };
	db_end(&v->db, q);
	*count = n;
	return e;
}

static err check_messages(struct verify *v)
{
	struct message_row *rows = arena_new(v->arena, struct message_row, LIMIT_READ_ROWS);
	struct message_row last = { 0 };
	size_t count;

	if (!rows)
		return ERR_NO_MEMORY;
	do {
		TRY(message_page(v, &last, rows, &count));
		for (size_t i = 0; i < count; i++) {
			if (rows[i].account_id != last.account_id || rows[i].mailbox_id != last.mailbox_id)
				TRY(check_mailbox_of(v, &rows[i]));
			TRY(check_message(v, &rows[i]));
			last = rows[i];
			v->report->messages++;
		}
	} while (count);
	return OK;
}

static void check_references(struct verify *v)
{
	for (size_t i = 0; i < v->known_count; i++) {
		const struct known_content *c = &v->known[i];
		if (c->refs == c->named)
			continue;
		v->report->counts_wrong = true;
		verify_add(v, "references", true,
		           c->refs > c->named ? "fewer messages name it than are counted"
		                              : "more messages name it than are counted",
		           "content %" PRIu64, c->content_id);
	}
}

/* --- mailboxes --- */

/* Row and messages in one transaction, so that they belong together. */
static err mailbox_mistake(struct verify *v, const struct mailbox_counts *m, const char **what)
{
	enum query q = Q_MAILBOX_COUNT;
	bool there = false;
	err e = db_start(&v->db, q, DB_INT(m->account_id), DB_INT(m->mailbox_id));

	if (e.code == ERR_OK)
		e = db_row(&v->db, q, &there);
	if (e.code == ERR_OK && there && db_u64(&v->db, q, 0) != db_u64(&v->db, q, 4))
		*what = "the count of messages is wrong";
	else if (e.code == ERR_OK && there && db_u64(&v->db, q, 1) != db_u64(&v->db, q, 5))
		*what = "the count of octets is wrong";
	else if (e.code == ERR_OK && there && db_u64(&v->db, q, 2) >= db_u64(&v->db, q, 6))
		*what = "UIDNEXT is not above all UIDs";
	else if (e.code == ERR_OK && there && db_u64(&v->db, q, 3) > db_u64(&v->db, q, 7))
		*what = "a message's MODSEQ is above its mailbox's";
	db_end(&v->db, q);
	return e;
}

static err check_mailbox(struct verify *v, const struct mailbox_counts *m)
{
	const struct db_value account[] = { DB_INT(m->account_id) };
	const struct db_value key[] = { DB_INT(m->account_id), DB_INT(m->mailbox_id) };
	const char *what = NULL;
	bool owned = false, there = false;

	TRY(mailbox_mistake(v, m, &what));
	if (what) {
		v->report->counts_wrong = true;
		verify_add(v, "mailbox", true, what, WHERE_MAILBOX, m->account_id, m->mailbox_id);
	}
	if (m->uidvalidity == 0)
		verify_add(v, "mailbox", false, "UIDVALIDITY is 0", WHERE_MAILBOX, m->account_id,
		           m->mailbox_id);
	TRY(db_begin_read(&v->db));
	err e = count_of(v, Q_ACCOUNT_GET, account, 1, &owned);
	if (e.code == ERR_OK && !owned)
		e = count_of(v, Q_MAILBOX_GET, key, 2, &there);
	db_end_read(&v->db);
	TRY(e);
	if (there)
		verify_add(v, "mailbox", false, "the mailbox belongs to no account", WHERE_MAILBOX,
		           m->account_id, m->mailbox_id);
	return OK;
}

static err mailbox_page(struct verify *v, const struct mailbox_counts *after, struct mailbox_counts *rows,
                        size_t *count)
{
	enum query q = Q_MAILBOX_PAGE;
	bool more = false;
	size_t n = 0;
	err e = db_start(&v->db, q, DB_INT(after->account_id), DB_INT(after->mailbox_id),
	                 DB_INT(LIMIT_READ_ROWS));

	while (e.code == ERR_OK && (e = db_row(&v->db, q, &more)).code == ERR_OK && more)
		rows[n++] = (struct mailbox_counts){
			db_u64(&v->db, q, 0), db_u64(&v->db, q, 1), db_u64(&v->db, q, 2),
			db_u64(&v->db, q, 3), db_u64(&v->db, q, 4), db_u64(&v->db, q, 5),
			db_u64(&v->db, q, 6),
		};
	db_end(&v->db, q);
	*count = n;
	return e;
}

static err check_mailboxes(struct verify *v)
{
	struct mailbox_counts *rows = arena_new(v->arena, struct mailbox_counts, LIMIT_READ_ROWS);
	struct mailbox_counts last = { 0 };
	size_t count;

	if (!rows)
		return ERR_NO_MEMORY;
	do {
		TRY(mailbox_page(v, &last, rows, &count));
		for (size_t i = 0; i < count; i++) {
			last = rows[i];
			TRY(check_mailbox(v, &last));
		}
	} while (count);
	return OK;
}

/* --- apps --- */

/* In one statement, so that an account that is being removed is no mistake. */
static err check_apps(struct verify *v)
{
	enum query q = Q_APP_STRAY;
	bool more = false;

	if (v->db.version < 2)
		return OK; /* no server of this version has opened it yet: there are none */
	err e = db_start(&v->db, q, DB_INT(LIMIT_VERIFY_PROBLEMS));
	while (e.code == ERR_OK && (e = db_row(&v->db, q, &more)).code == ERR_OK && more) {
		str name = db_text(&v->db, q, 1);
		v->report->counts_wrong = true;
		verify_add(v, "app", true, "the app belongs to no account",
		           "account %" PRIu64 ", app " STR_FMT, db_u64(&v->db, q, 0), STR_ARG(name));
	}
	db_end(&v->db, q);
	return e;
}

/* --- all of it --- */

/* What was committed of the current segment is there. */
static err check_tail(struct verify *v)
{
	struct segment *segment;
	struct stat st;

	if (v->current_segment == 0)
		return OK;
	err e = segment_acquire(v->segments, v->current_segment, &segment);
	if (e.code == ERR_MISSING)
		return OK; /* verify_segments says so */
	TRY(e);
	if (fstat(segment_fd(segment), &st) < 0)
		e = err_errno(v->arena, errno, "looking at a segment");
	else if ((uint64_t)st.st_size < v->current_offset)
		verify_add(v, "segment", false, "the segment is shorter than what was committed",
		           "segment %" PRIu64 ", offset %" PRIu64, v->current_segment, v->current_offset);
	segment_release(segment);
	return e;
}

static err run_checks(struct verify *v, bool thorough)
{
	TRY(check_database(v, thorough));
	if (v->report->database_damaged)
		return OK; /* its rows say nothing */
	TRY(verify_read_batch(v));
	uint64_t begin = v->batch_number;
	TRY(check_tail(v));
	TRY(verify_contents(v));
	TRY(verify_segments(v));
	TRY(check_messages(v));
	TRY(verify_queue(v));
	TRY(verify_read_batch(v));
	if (v->batch_number == begin)
		check_references(v);
	TRY(check_mailboxes(v));
	return check_apps(v);
}

static err directory_below(struct verify *v, const char *name, str *out)
{
	struct buf b;

	buf_init(&b, v->arena, LIMIT_PATH_NAME);
	buf_add(&b, v->directory);
	buf_add(&b, str_of(name));
	TRY(buf_err(&b));
	*out = buf_str(&b);
	return OK;
}

err verify_run(struct arena *arena, str directory, bool thorough, struct verify_report *out)
{
	struct verify_report report = { 0 };
	struct verify v = { .arena = arena, .directory = directory, .report = &report };
	str segments;

	TRY(directory_below(&v, "/files", &v.files));
	TRY(directory_below(&v, "/segments", &segments));
	TRY(segments_open(arena, segments, &v.segments));
	err e = database_open(arena, directory, false, &v.db);
	if (e.code == ERR_OK) {
		e = run_checks(&v, thorough);
		database_close(&v.db);
	}
	if (e.code == ERR_CORRUPT || e.code == ERR_MISSING) {
		report.database_damaged = true;
		verify_add(&v, "database", true, e.what, "postrider.db");
		e = OK;
	}
	segments_close(v.segments);
	free(v.known);
	free(v.octets);
	TRY(e);
	*out = report;
	return OK;
}
