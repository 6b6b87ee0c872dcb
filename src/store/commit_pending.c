/* Operations whose rows go in pieces.
 *
 * One row of `pending`, committed with the operation, is the promise and the publication: from that COMMIT on
 * readers pass over what it names (mailbox.c), and the committer removes the rows, at most LIMIT_BATCH_ROWS a
 * batch, until the row itself goes with the last piece. A crash in between finds the row and goes on.
 */
#include <stdlib.h>

#include "base/bytes.h"
#include "store/batch.h"

struct pending {
	struct pending *next;
	uint64_t pending_id, account_id, mailbox_id;
	enum pending_kind kind;
	size_t done;  /* octets of data that are worked off */
	uint32_t uid; /* the last one removed: deltas go on from here */
	size_t size;
	char data[];
};

struct pending_list {
	struct pending *first;
	uint64_t next_id;
	/* of the running batch */
	struct pending *added;
	size_t done;
	uint32_t uid;
	bool finished;
};

static struct pending *make(uint64_t id, enum pending_kind kind, uint64_t account_id, uint64_t mailbox_id,
                            str data)
{
	struct pending *p = calloc(1, sizeof *p + data.len);

	if (!p)
		return NULL;
	*p = (struct pending){ .pending_id = id,
		               .kind = kind,
		               .account_id = account_id,
		               .mailbox_id = mailbox_id,
		               .size = data.len };
	if (data.len)
		memcpy(p->data, data.ptr, data.len);
	return p;
}

static void append(struct pending_list *list, struct pending *p)
{
	struct pending **end = &list->first;

	while (*end)
		end = &(*end)->next;
	*end = p;
}

err pending_load(struct database *db, struct pending_list **out)
{
	struct pending_list *list = calloc(1, sizeof *list);
	enum query q = Q_PENDING_ALL;
	bool more = false;

	if (!list)
		return ERR_NO_MEMORY;
	list->next_id = 1;
	err e = db_start_values(db, q, NULL, 0);
	while (e.code == ERR_OK && (e = db_row(db, q, &more)).code == ERR_OK && more) {
		struct pending *p = make(db_u64(db, q, 0), (enum pending_kind)db_int(db, q, 1),
		                         db_u64(db, q, 2), db_u64(db, q, 3), db_text(db, q, 4));
		if (!p) {
			e = ERR_NO_MEMORY;
			break;
		}
		list->next_id = p->pending_id + 1;
		append(list, p);
	}
	db_end(db, q);
	if (e.code != ERR_OK) {
		pending_free(list);
		return e;
	}
	*out = list;
	return OK;
}

static void free_all(struct pending *p)
{
	while (p) {
		struct pending *next = p->next;
		free(p);
		p = next;
	}
}

void pending_free(struct pending_list *list)
{
	if (!list)
		return;
	free_all(list->first);
	free_all(list->added);
	free(list);
}

bool pending_any(const struct pending_list *list) { return list->first != NULL; }

err pending_add(struct batch *b, enum pending_kind kind, uint64_t account_id, uint64_t mailbox_id, str data)
{
	struct pending_list *list = b->pending;
	struct pending *p = make(list->next_id, kind, account_id, mailbox_id, data);

	if (!p)
		return ERR_NO_MEMORY;
	p->next = list->added;
	list->added = p;
	list->next_id++;
	return db_run(b->db, Q_PENDING_ADD, DB_INT(p->pending_id), DB_INT(kind), DB_INT(account_id),
	              DB_INT(mailbox_id), DB_BLOB(data));
}

static err expunge_piece(struct batch *b, struct pending *p)
{
	struct pending_list *list = b->pending;
	str rest = str_from((str){ p->data, p->size }, p->done);
	uint32_t uid = p->uid;
	uint64_t delta;
	bool found;

	for (size_t i = 0; i < LIMIT_BATCH_ROWS && bytes_varint(&rest, &delta); i++) {
		uid += (uint32_t)delta;
		TRY(batch_remove_message(b, p->account_id, p->mailbox_id, uid, &found));
	}
	list->done = p->size - rest.len;
	list->uid = uid;
	list->finished = rest.len == 0;
	return OK;
}

static err account_piece(struct batch *b, struct pending *p)
{
	struct {
		uint64_t mailbox_id;
		uint32_t uid;
	} rows[LIMIT_BATCH_ROWS];
	size_t count = 0;
	bool more = false, found;
	enum query q = Q_ACCOUNT_MESSAGES;
	err e = db_start(b->db, q, DB_INT(p->account_id), DB_INT(LIMIT_BATCH_ROWS));

	while (e.code == ERR_OK && (e = db_row(b->db, q, &more)).code == ERR_OK && more) {
		rows[count].mailbox_id = db_u64(b->db, q, 0);
		rows[count++].uid = (uint32_t)db_u64(b->db, q, 1);
	}
	db_end(b->db, q);
	TRY(e);
	for (size_t i = 0; i < count; i++)
		TRY(batch_remove_message(b, p->account_id, rows[i].mailbox_id, rows[i].uid, &found));
	b->pending->finished = count < LIMIT_BATCH_ROWS;
	return OK;
}

err pending_apply_piece(struct batch *b)
{
	struct pending *p = b->pending->first;

	b->pending->finished = false;
	if (!p)
		return OK;
	TRY(p->kind == PENDING_EXPUNGE ? expunge_piece(b, p) : account_piece(b, p));
	return b->pending->finished ? db_run(b->db, Q_PENDING_REMOVE, DB_INT(p->pending_id)) : OK;
}

void pending_settle(struct batch *b, bool ok)
{
	struct pending_list *list = b->pending;
	struct pending *first = list->first;

	if (ok && first) {
		first->done = list->done;
		first->uid = list->uid;
		if (list->finished) {
			list->first = first->next;
			free(first);
		}
	}
	list->done = 0;
	list->uid = 0;
	list->finished = false;
	while (list->added) { /* newest first; they join in the order of their ids */
		struct pending **last = &list->added;
		while ((*last)->next)
			last = &(*last)->next;
		struct pending *p = *last;
		*last = NULL;
		if (ok)
			append(list, p);
		else
			free(p);
	}
}
