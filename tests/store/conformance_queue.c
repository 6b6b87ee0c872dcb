/* What every engine of the store has to do with remote recipients: one row each in the accepting commit, told
 * to who listens once durable, read back whole, and gone with the last word about them. */
#include "base/clock.h"
#include "fixture.h"

#include <unistd.h>

#include "store/note.h"
#include "store/queue.h"

enum { HEARD_MOST = 4096 };

static struct {
	uint64_t ids[HEARD_MOST];
	int64_t due_ms; /* of the last */
	size_t count;
} heard;

static void hear(void *user, const struct queue_row *rows, size_t count)
{
	(void)user;
	for (size_t i = 0; i < count; i++) {
		heard.ids[heard.count++] = rows[i].queue_id;
		heard.due_ms = rows[i].due_ms;
	}
}

static int setup(void **state)
{
	int failed = fixture_setup(state);
	struct fixture *f = *state;

	heard.count = 0;
	if (!failed)
		store_on_queued(f->store, hear, NULL);
	return failed;
}

static struct queue_target to(const char *forward_path, const char *domain)
{
	return (struct queue_target){ .forward_path = str_of(forward_path),
		                      .domain = str_of(domain),
		                      .reverse_domain = STR("d.example") };
}

/* A message for remote recipients alone. */
static err enqueue(struct fixture *f, str content, struct queue_target *queue, size_t count,
                   const struct queue_envelope *envelope)
{
	struct commit_op op = delivery(f, content, NULL, 0);

	op.deliver.reverse_path = STR("ann@d.example");
	op.deliver.queue = queue;
	op.deliver.queue_count = count;
	if (envelope)
		op.deliver.envelope = *envelope;
	submit(f, &op, 1);
	return op.result;
}

static err attempt(struct fixture *f, struct attempt *items, size_t count)
{
	struct commit_op op = { .kind = COMMIT_ATTEMPT, .attempts = { items, count, STR("") } };

	submit(f, &op, 1);
	return op.result;
}

static size_t fresh(struct fixture *f, struct queue_row *rows, size_t room)
{
	size_t count;

	assert_err(queue_read_fresh(f->store, &f->arena, 0, rows, room, &count), ERR_OK);
	return count;
}

static size_t due(struct fixture *f, int64_t until_ms, struct queue_row *rows, size_t room)
{
	size_t count;

	assert_err(queue_read_due(f->store, &f->arena, until_ms, 0, 0, rows, room, &count), ERR_OK);
	return count;
}

static uint64_t count_due(struct fixture *f, int64_t until_ms)
{
	uint64_t count = UINT64_MAX;

	assert_err(queue_count_due(f->store, until_ms, &count), ERR_OK);
	return count;
}

static int64_t next_due(struct fixture *f, int64_t after_ms)
{
	int64_t due_ms;

	assert_err(queue_next_due(f->store, after_ms, &due_ms), ERR_OK);
	return due_ms;
}

static void check_content(const struct queue_message *m, str content)
{
	char *octets = test_malloc(content.len + 1);

	assert_int_equal(m->size, content.len);
	assert_int_equal(pread(m->fd, octets, content.len, (off_t)m->offset), content.len);
	assert_memory_equal(octets, content.ptr, content.len);
	test_free(octets);
}

/* Everything that was said comes back, from the records too. */
static void test_round(void **state)
{
	static const size_t sizes[] = { 3, 70000, 300000 };
	struct fixture *f = *state;
	const struct queue_envelope envelope = { .envid = STR("QQ314159"),
		                                 .login = STR("ann+web@d.example"),
		                                 .ret = 'H',
		                                 .body = QUEUE_BODY_8BIT,
		                                 .smtputf8 = true,
		                                 .forwarded = true,
		                                 .priority = -3,
		                                 .lane = QUEUE_MARKETING,
		                                 .sender = UINT64_MAX - 1,
		                                 .expires_ms = 1700432000000,
		                                 .by_ms = 1700000060000,
		                                 .by_mode = 'N',
		                                 .by_trace = true };

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct queue_target targets[] = { to("bob@e.example", "e.example"),
			                          to("\"o \\\" k\"@xn--r.example", "xn--r.example") };
		struct queue_message m;
		struct queue_recipient r[2];
		str content = octets(f, sizes[i]);

		targets[1].has_reverse_path = true;
		targets[1].reverse_path = STR("SRS0=x=y@d.example");
		targets[1].orcpt = STR("rfc822;o@k");
		targets[1].notify = QUEUE_NOTIFY_SUCCESS | QUEUE_NOTIFY_DELAY;
		assert_err(enqueue(f, content, targets, 2, &envelope), ERR_OK);
		assert_int_equal(targets[1].queue_id, targets[0].queue_id + 1);
		for (int again = 0; again < 2; again++) {
			const uint64_t ids[] = { targets[0].queue_id, targets[1].queue_id };
			assert_err(queue_open(f->store, &f->arena, ids, 2, &m, r), ERR_OK);
			assert_true(str_eq(m.id, STR("TEST1")) &&
			            str_eq(m.reverse_path, STR("ann@d.example")));
			assert_int_equal(m.received_ms, 1700000000000);
			assert_true(str_eq(m.envelope.envid, envelope.envid) &&
			            str_eq(m.envelope.login, envelope.login));
			assert_true(m.envelope.ret == 'H' && m.envelope.body == QUEUE_BODY_8BIT &&
			            m.envelope.smtputf8 && m.envelope.forwarded &&
			            m.envelope.priority == -3 && m.envelope.lane == QUEUE_MARKETING &&
			            m.envelope.sender == UINT64_MAX - 1);
			assert_true(m.envelope.expires_ms == envelope.expires_ms &&
			            m.envelope.by_ms == envelope.by_ms && m.envelope.by_mode == 'N' &&
			            m.envelope.by_trace && m.envelope.hold_until_ms == 0);
			check_content(&m, content);
			assert_true(!r[0].gone && str_eq(r[0].forward_path, STR("bob@e.example")) &&
			            str_eq(r[0].reverse_path, STR("ann@d.example")) && r[0].orcpt.len == 0 &&
			            r[0].notify == 0 && r[0].tries == 0);
			assert_true(str_eq(r[1].forward_path, targets[1].forward_path) &&
			            str_eq(r[1].domain, STR("xn--r.example")) &&
			            str_eq(r[1].reverse_path, targets[1].reverse_path) &&
			            str_eq(r[1].orcpt, targets[1].orcpt) && r[1].notify == targets[1].notify);
			queue_close(&m);
			reopen(f);
		}
		store_on_queued(f->store, hear, NULL);
	}
	assert_int_equal(heard.count, 6);
}

/* Mailboxes and remote recipients are one commit: all of them or none. */
static void test_both_kinds(void **state)
{
	struct fixture *f = *state;
	uint64_t ann = make_account(f, "ann@d.example", 0), full = make_account(f, "full@d.example", 10);
	struct queue_target targets[] = { to("bob@e.example", "e.example") };
	struct deliver_target inbox[] = { to_inbox(ann, STR("P: 1\r\n")), to_inbox(full, STR("P: 1\r\n")) };
	struct queue_row rows[4];

	struct commit_op op = delivery(f, octets(f, 100), inbox, 2);
	op.deliver.queue = targets;
	op.deliver.queue_count = 1;
	submit(f, &op, 1);
	assert_err(op.result, ERR_QUOTA);
	assert_int_equal(fresh(f, rows, 4), 0);
	assert_int_equal(heard.count, 0);
	op = delivery(f, octets(f, 100), inbox, 1);
	op.deliver.queue = targets;
	op.deliver.queue_count = 1;
	submit(f, &op, 1);
	assert_err(op.result, ERR_OK);
	assert_int_equal(fresh(f, rows, 4), 1);
	assert_int_equal(status_of(f, ann).messages, 1);
	assert_int_equal(heard.count, 1);
	/* the mailbox's row goes, the recipient's message stays */
	assert_err(expunge(f, ann, &inbox[0].uid, 1), ERR_OK);
	assert_err(store_maintain(f->store), ERR_OK);
	struct queue_message m;
	struct queue_recipient r;
	assert_err(queue_open(f->store, &f->arena, &targets[0].queue_id, 1, &m, &r), ERR_OK);
	check_content(&m, octets(f, 100));
	queue_close(&m);
}

/* What could be written and not be read again is not taken. */
static void refuse_long_texts(struct fixture *f)
{
	static char octets_of_one[LIMIT_PATH + 17];
	struct queue_target one = to("bob@e.example", "e.example");
	struct queue_envelope envelope = { .lane = QUEUE_MARKETING };
	str *const texts[] = { &envelope.envid, &envelope.login,   &one.forward_path,
		               &one.orcpt,      &one.reverse_path, &one.reverse_domain };
	const size_t most[] = { LIMIT_ENVID, LIMIT_PATH, LIMIT_PATH, LIMIT_ORCPT, LIMIT_PATH, LIMIT_DOMAIN };
	struct queue_message m;
	struct queue_recipient r;

	memset(octets_of_one, 'a', sizeof octets_of_one);
	one.has_reverse_path = true;
	for (size_t i = 0; i < sizeof most / sizeof *most; i++) {
		*texts[i] = (str){ octets_of_one, most[i] + 1 };
		assert_err(enqueue(f, octets(f, 10), &one, 1, &envelope), ERR_LIMIT);
		*texts[i] = (str){ octets_of_one, most[i] };
		assert_err(enqueue(f, octets(f, 10), &one, 1, &envelope), ERR_OK);
	}
	assert_err(queue_open(f->store, &f->arena, &one.queue_id, 1, &m, &r), ERR_OK);
	assert_true(m.envelope.envid.len == LIMIT_ENVID && m.envelope.login.len == LIMIT_PATH &&
	            r.orcpt.len == LIMIT_ORCPT && r.reverse_path.len == LIMIT_PATH);
	queue_close(&m);
}

static void test_refused(void **state)
{
	struct fixture *f = *state;
	static struct queue_target many[LIMIT_TARGETS + 1];
	static char long_domain[LIMIT_DOMAIN + 2];
	struct queue_target one = to("bob@e.example", "e.example");

	assert_err(enqueue(f, octets(f, 10), NULL, 0, NULL), ERR_LIMIT);
	for (size_t i = 0; i <= LIMIT_TARGETS; i++)
		many[i] = one;
	assert_err(enqueue(f, octets(f, 10), many, LIMIT_TARGETS + 1, NULL), ERR_LIMIT);
	assert_err(enqueue(f, octets(f, 10), many, LIMIT_TARGETS, NULL), ERR_OK);
	assert_int_equal(many[LIMIT_TARGETS - 1].queue_id, many[0].queue_id + LIMIT_TARGETS - 1);
	memset(long_domain, 'a', LIMIT_DOMAIN + 1);
	one.domain = str_of(long_domain);
	assert_err(enqueue(f, octets(f, 10), &one, 1, NULL), ERR_LIMIT);
	refuse_long_texts(f);
}

/* From the first failure to the end. */
static void test_attempts(void **state)
{
	struct fixture *f = *state;
	struct queue_target t[] = { to("a@e.example", "e.example"), to("b@e.example", "e.example"),
		                    to("c@f.example", "f.example") };
	static char long_reply[2 * LIMIT_QUEUE_REPLY];
	struct queue_row rows[8];
	struct queue_message m;
	struct queue_recipient r[3];

	assert_err(enqueue(f, octets(f, 10), t, 3, NULL), ERR_OK);
	assert_int_equal(next_due(f, 0), INT64_MAX);
	memset(long_reply, 'x', sizeof long_reply);
	struct attempt first[] = {
		{ .queue_id = t[0].queue_id, .kind = ATTEMPT_DONE },
		{ .queue_id = t[1].queue_id,
		  .kind = ATTEMPT_WAIT,
		  .due_ms = 5000,
		  .reply = STR("450 later"),
		  .delay_told = true },
		{ .queue_id = t[2].queue_id,
		  .kind = ATTEMPT_DUE,
		  .due_ms = 4000,
		  .reply = { long_reply, sizeof long_reply } },
		{ .queue_id = 77, .kind = ATTEMPT_DONE },
	};
	assert_err(attempt(f, first, 4), ERR_OK);
	assert_err(first[0].result, ERR_OK);
	assert_err(first[2].result, ERR_OK);
	assert_err(first[3].result, ERR_MISSING);
	reopen(f);
	assert_int_equal(fresh(f, rows, 8), 0);
	assert_int_equal(next_due(f, 0), 4000);
	assert_int_equal(next_due(f, 4000), 5000);
	assert_int_equal(due(f, 4999, rows, 8), 1);
	assert_int_equal(due(f, 5000, rows, 8), 2);
	assert_true(rows[0].queue_id == t[2].queue_id && rows[0].tries == 0 && rows[0].due_ms == 4000);
	assert_true(rows[1].queue_id == t[1].queue_id && rows[1].tries == 1);
	assert_true(str_eq(rows[1].domain, STR("e.example")) &&
	            str_eq(rows[1].reverse_domain, STR("d.example")));
	const uint64_t ids[] = { t[0].queue_id, t[1].queue_id, t[2].queue_id };
	assert_err(queue_open(f->store, &f->arena, ids, 3, &m, r), ERR_OK);
	assert_true(r[0].gone && !r[1].gone && r[1].delay_told && r[1].tries == 1 &&
	            str_eq(r[1].last_reply, STR("450 later")));
	assert_true(!r[2].delay_told && r[2].last_reply.len == LIMIT_QUEUE_REPLY);
	queue_close(&m);

	struct attempt second[] = { { .queue_id = t[1].queue_id, .kind = ATTEMPT_HOLD },
		                    { .queue_id = t[2].queue_id, .kind = ATTEMPT_DONE } };
	assert_err(attempt(f, second, 2), ERR_OK);
	assert_int_equal(due(f, INT64_MAX, rows, 8), 0);
	assert_int_equal(next_due(f, 0), INT64_MAX);
	size_t count;
	assert_err(queue_read_all(f->store, &f->arena, 0, rows, 8, &count), ERR_OK);
	assert_true(count == 1 && rows[0].held);
	struct attempt third[] = { { .queue_id = t[1].queue_id, .kind = ATTEMPT_RELEASE, .due_ms = 6000 } };
	assert_err(attempt(f, third, 1), ERR_OK);
	assert_int_equal(next_due(f, 0), 6000);
	third[0].kind = ATTEMPT_DONE;
	assert_err(attempt(f, third, 1), ERR_OK);
	assert_err(queue_open(f->store, &f->arena, ids, 3, &m, r), ERR_MISSING);
	str summary;
	err gone = OK;
	/* Collected with its last row, though not within the same millisecond. */
	for (int64_t until_ms = clock_tick_ms() + 10000; gone.code == ERR_OK && clock_tick_ms() < until_ms;) {
		assert_err(store_maintain(f->store), ERR_OK);
		gone = queue_read_summary(f->store, &f->arena, ids[0], &summary);
	}
	assert_err(gone, ERR_CORRUPT);
}

/* RFC 4865: such a row has its time from the beginning. */
static void test_hold_until(void **state)
{
	struct fixture *f = *state;
	const struct queue_envelope later = { .hold_until_ms = 9000 };
	struct queue_target t = to("a@e.example", "e.example");
	struct queue_row rows[2];

	assert_err(enqueue(f, octets(f, 10), &t, 1, &later), ERR_OK);
	assert_int_equal(heard.count, 1);
	assert_int_equal(heard.due_ms, 9000);
	assert_int_equal(fresh(f, rows, 2), 0);
	assert_int_equal(next_due(f, 0), 9000);
	assert_int_equal(count_due(f, 8999), 0);
	assert_int_equal(count_due(f, 9000), 1);
	t = to("b@e.example", "e.example");
	assert_err(enqueue(f, octets(f, 10), &t, 1, &(struct queue_envelope){ 0 }), ERR_OK);
	assert_int_equal(heard.due_ms, 0);
}

/* Pages are no longer than they may be and go on where the last one ended. */
static void test_pages(void **state)
{
	enum { MESSAGES = 30, EACH = 70 };
	struct fixture *f = *state;
	static struct queue_target t[EACH];
	static struct attempt attempts[EACH];
	static struct queue_row rows[LIMIT_READ_ROWS + 1];
	uint64_t after = 0;
	size_t count, all = 0;

	for (int i = 0; i < MESSAGES; i++) {
		for (size_t j = 0; j < EACH; j++)
			t[j] = to("a@e.example", "e.example");
		assert_err(enqueue(f, octets(f, 10), t, EACH, NULL), ERR_OK);
	}
	assert_int_equal(heard.count, MESSAGES * EACH);
	do {
		assert_err(queue_read_fresh(f->store, &f->arena, after, rows, LIMIT_READ_ROWS + 1, &count),
		           ERR_OK);
		assert_true(count <= LIMIT_READ_ROWS);
		for (size_t i = 0; i < count; i++) {
			assert_true(rows[i].queue_id > after);
			assert_int_equal(rows[i].queue_id, heard.ids[all++]);
			after = rows[i].queue_id;
		}
	} while (count);
	assert_int_equal(all, MESSAGES * EACH);
	for (size_t j = 0; j < EACH; j++)
		attempts[j] =
			(struct attempt){ .queue_id = t[j].queue_id, .kind = ATTEMPT_WAIT, .due_ms = 1000 };
	assert_err(attempt(f, attempts, EACH), ERR_OK);
	int64_t after_ms = 0;
	after = all = 0;
	do {
		assert_err(queue_read_due(f->store, &f->arena, 1000, after_ms, after, rows, 9, &count),
		           ERR_OK);
		for (size_t i = 0; i < count; i++)
			assert_int_equal(rows[i].queue_id, t[all++].queue_id);
		if (count) {
			after_ms = rows[count - 1].due_ms;
			after = rows[count - 1].queue_id;
		}
	} while (count);
	assert_int_equal(all, EACH);
}

static err put_notes(struct fixture *f, const struct note *notes, size_t count)
{
	struct commit_op op = { .kind = COMMIT_NOTE, .notes = { notes, count } };

	submit(f, &op, 1);
	return op.result;
}

/* Notes stay until they are replaced or removed, whatever octets they are. */
static void test_notes(void **state)
{
	struct fixture *f = *state;
	static char long_text[LIMIT_NOTE_VALUE + 1];
	const struct note first[] = { { STR("site b"), STR("1") },    { STR("site a"), STR("x\0y") },
		                      { STR("site \xff"), STR("3") }, { STR("sitf"), STR("4") },
		                      { STR("quota"), STR("5") },     { STR("site "), STR("6") } };
	const struct note second[] = { { STR("site a"), STR("7") },
		                       { STR("site b"), STR("") },
		                       { STR("none"), STR("") } };
	const struct note refused[][2] = {
		{ { STR("good"), STR("1") }, { STR(""), STR("1") } },
		{ { STR("good"), STR("1") }, { { long_text, LIMIT_NOTE_KEY + 1 }, STR("1") } },
		{ { STR("good"), STR("1") }, { STR("k"), { long_text, LIMIT_NOTE_VALUE + 1 } } },
	};
	struct note notes[8];
	size_t count;

	assert_err(put_notes(f, first, 6), ERR_OK);
	assert_err(put_notes(f, second, 3), ERR_OK);
	for (size_t i = 0; i < 3; i++)
		assert_err(put_notes(f, refused[i], 2), ERR_LIMIT);
	reopen(f);
	assert_err(note_read(f->store, &f->arena, STR("site "), STR(""), notes, 8, &count), ERR_OK);
	assert_int_equal(count, 3);
	assert_true(str_eq(notes[0].key, STR("site ")) && str_eq(notes[0].value, STR("6")));
	assert_true(str_eq(notes[1].key, STR("site a")) && str_eq(notes[1].value, STR("7")));
	assert_true(str_eq(notes[2].key, STR("site \xff")) && str_eq(notes[2].value, STR("3")));
	assert_err(note_read(f->store, &f->arena, STR("good"), STR(""), notes, 8, &count), ERR_OK);
	assert_int_equal(count, 0);
}

/* Page by page, also when the last one's end was removed meanwhile. */
static void test_notes_in_pages(void **state)
{
	struct fixture *f = *state;
	const struct note all[] = { { STR("k1"), STR("1") },
		                    { STR("k2"), STR("2") },
		                    { STR("k3"), STR("x\0y") },
		                    { STR("k4"), STR("4") },
		                    { STR("k5"), STR("5") } };
	const struct note gone = { STR("k2"), STR("") };
	struct note notes[2];
	size_t count;

	assert_err(put_notes(f, all, 5), ERR_OK);
	assert_err(note_read(f->store, &f->arena, STR("k"), STR(""), notes, 2, &count), ERR_OK);
	assert_true(count == 2 && str_eq(notes[1].key, STR("k2")));
	assert_err(put_notes(f, &gone, 1), ERR_OK);
	assert_err(note_read(f->store, &f->arena, STR("k"), STR("k2"), notes, 2, &count), ERR_OK);
	assert_true(count == 2 && str_eq(notes[0].key, STR("k3")) && str_eq(notes[0].value, STR("x\0y")));
	assert_err(note_read(f->store, &f->arena, STR("k"), STR("k4"), notes, 2, &count), ERR_OK);
	assert_true(count == 1 && str_eq(notes[0].key, STR("k5")));
	assert_err(note_read(f->store, &f->arena, STR("k"), STR("k5"), notes, 2, &count), ERR_OK);
	assert_int_equal(count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_round, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_both_kinds, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_attempts, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_hold_until, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_pages, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_notes, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_notes_in_pages, setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
