#include "deliver/notice.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/file.h"
#include "base/limits.h"
#include "bounce/srs.h"
#include "mime/summary.h"
#include "store/mailbox.h"
#include "store/store.h"

#define NOW INT64_C(1795822867000)
#define DAY INT64_C(86400000)
#define KEY STR("a key of this server's own")

static struct arena arena;
static char folder[64];
static struct store *store;
static struct notice_options options;

static uint64_t change(struct directory_change c)
{
	struct commit_op op = { .kind = COMMIT_DIRECTORY, .directory = c };
	struct commit commit = { .ops = &op, .op_count = 1 };

	store_commit_wait(store, &commit);
	assert_int_equal(op.result.code, ERR_OK);
	return op.directory.account_id;
}

static uint64_t ann;

/* To lee at another server, and then to ann. */
static void put_alias(const char *address, size_t count)
{
	static const str both[] = { STR_INIT("lee@far.example"), STR_INIT("ann@shop.example") };

	change((struct directory_change){ .kind = DIRECTORY_ALIAS_PUT,
	                                  .name = str_of(address),
	                                  .targets = both,
	                                  .target_count = count });
}

static int setup(void **state)
{
	static const str targets[] = { STR_INIT("ann@shop.example") };
	struct store_options with = { .limits = limits_default(), .without_maintenance = true };

	(void)state;
	arena_init(&arena, NULL, 64 * LIMIT_MB);
	snprintf(folder, sizeof folder, "/tmp/postrider-notice-XXXXXX");
	assert_non_null(mkdtemp(folder));
	with.directory = str_of(folder);
	assert_int_equal(store_open(&arena, &with, &store).code, ERR_OK);
	change((struct directory_change){ .kind = DIRECTORY_DOMAIN_ADD, .name = STR("shop.example") });
	ann = change(
		(struct directory_change){ .kind = DIRECTORY_ACCOUNT_ADD, .name = STR("ann@shop.example") });
	change((struct directory_change){ .kind = DIRECTORY_ALIAS_PUT,
	                                  .name = STR("sales@shop.example"),
	                                  .targets = targets,
	                                  .target_count = 1 });
	put_alias("away@shop.example", 1);
	put_alias("both@shop.example", 2);
	change((struct directory_change){ .kind = DIRECTORY_DOMAIN_ADD, .name = STR("empty.example") });
	options = (struct notice_options){
		.store = store, .hostname = STR("mx.shop.example"), .srs_key = KEY, .lifetime_ms = 5 * DAY
	};
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	store_close(store);
	snprintf(command, sizeof command, "rm -rf %s", folder);
	arena_reset(&arena);
	return system(command) == 0 ? 0 : 1;
}

static const struct dsn_recipient failed = { .forward_path = STR_INIT("bob@far.example"),
	                                     .status = { 5, 1, 1 },
	                                     .remote_host = STR_INIT("mx.far.example"),
	                                     .reply = STR_INIT("550 5.1.1 no such user"),
	                                     .answered = true,
	                                     .last_attempt_ms = NOW };

static struct dsn dsn_to(str to)
{
	return (struct dsn){ .id = STR("NOTICE1"),
		             .hostname = STR("mx.shop.example"),
		             .to = to,
		             .original_id = STR("ORIGINAL1"),
		             .original_message_id = STR("<1@shop.example>"),
		             .original_subject = STR("Your order"),
		             .now_ms = NOW,
		             .arrival_ms = NOW - 1000,
		             .recipients = &failed,
		             .count = 1 };
}

static str original = STR_INIT("Received: from x\r\nFrom: <ann@shop.example>\r\nSubject: Your order\r\n\r\n"
                               "The body.\r\n");

/* With junk around it, which must not be read. */
static bool make(const struct dsn *dsn, struct notice *out)
{
	AUTO(file) f = FILE_NONE;
	char path[96];
	struct iovec parts[] = { { (void *)(uintptr_t) "JUNK\r\n", 6 },
		                 { (void *)(uintptr_t)original.ptr, original.len },
		                 { (void *)(uintptr_t) "JUNK", 4 } };
	bool made = false;

	snprintf(path, sizeof path, "%s/original", folder);
	assert_int_equal(file_open(&arena, str_of(path), O_RDWR | O_CREAT | O_TRUNC, 0600, &f).code, ERR_OK);
	assert_int_equal(file_write_at(f, parts, 3, 0).code, ERR_OK);
	*out = (struct notice){ 0 };
	err e = notice_make(&options, &arena, dsn, &(struct original_source){ f, 6, original.len, STR("") },
	                    out, &made);
	if (e.code != ERR_OK)
		print_message("%s\n", e.what);
	assert_int_equal(e.code, ERR_OK);
	return made;
}

static void commit(struct notice *notice)
{
	struct commit c = { .ops = &notice->op, .op_count = 1 };

	store_commit_wait(store, &c);
	assert_int_equal(notice->op.result.code, ERR_OK);
	notice_fini(notice);
}

static str read_all(int fd, uint64_t offset, uint64_t size)
{
	char *octets = arena_alloc(&arena, size);

	assert_non_null(octets);
	assert_int_equal(file_read_at(fd, octets, size, offset).code, ERR_OK);
	return (str){ octets, size };
}

/* The last message in ann's mailbox. */
static str last_message(str *prefix, str *summary)
{
	struct mailbox_row rows[64];
	struct message m;
	size_t count;

	assert_int_equal(mailbox_read_rows(store, ann, MAILBOX_INBOX, 0, rows, 64, &count).code, ERR_OK);
	assert_true(count > 0);
	uint32_t uid = rows[count - 1].uid;
	assert_int_equal(message_open(store, &arena, ann, MAILBOX_INBOX, uid, &m).code, ERR_OK);
	assert_int_equal(message_read_summary(store, &arena, ann, MAILBOX_INBOX, uid, summary).code, ERR_OK);
	str content = read_all(m.fd, m.offset, m.size);
	*prefix = m.prefix;
	message_close(&m);
	return content;
}

static bool has(str text, const char *words) { return str_find(text, str_of(words)) < text.len; }

/* "text/plain message/delivery-status ..." of the three parts. */
static str parts_of(str summary, uint64_t size)
{
	struct mime_summary s;
	struct buf out;

	assert_int_equal(mime_summary_decode(&arena, summary, &s).code, ERR_OK);
	assert_int_equal(s.size, size);
	assert_true(str_eq(s.root->subtype, STR("report")));
	assert_false(s.root->unclosed);
	buf_init(&out, &arena, 256);
	for (const struct mime_part *p = s.root->child; p; p = p->next) {
		buf_add(&out, p->type);
		buf_add_char(&out, '/');
		buf_add(&out, p->subtype);
		buf_add_char(&out, p->next ? ' ' : ';');
	}
	return buf_str(&out);
}

static void test_mailbox(void **state)
{
	static const char *const addresses[] = { "ann@shop.example", "Ann+books@Shop.Example",
		                                 "sales@shop.example", "\"ann\"@shop.example" };
	str prefix, summary;

	(void)state;
	for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
		struct dsn dsn = dsn_to(str_of(addresses[i]));
		struct notice notice;

		print_message("%s\n", addresses[i]);
		assert_true(make(&dsn, &notice));
		assert_true(str_eq(notice.to, dsn.to));
		assert_int_equal(notice.op.deliver.queue_count, 0);
		commit(&notice);
		str content = last_message(&prefix, &summary);
		assert_true(str_starts(prefix, STR("Return-Path: <>\r\nDelivered-To: ")));
		assert_true(has(content, "To: "));
		assert_true(has(content, "Subject: Not delivered: Your order\r\n"));
		assert_true(has(content, "\r\nReceived: from x\r\nFrom: <ann@shop.example>\r\n"));
		assert_false(has(content, "JUNK"));
		assert_false(has(content, "The body."));
		assert_string_equal(arena_z(&arena, parts_of(summary, content.len)),
		                    "text/plain message/delivery-status text/rfc822-headers;");
	}
}

static void check_envelope(const struct queue_message *m, const struct queue_recipient *to)
{
	assert_int_equal(m->reverse_path.len, 0);
	assert_int_equal(to->reverse_path.len, 0);
	assert_int_equal(to->notify, QUEUE_NOTIFY_NEVER);
	assert_int_equal(m->envelope.ret, 0);
	assert_int_equal(m->envelope.expires_ms, NOW + 5 * DAY);
	assert_int_equal(m->envelope.sender, NOTICE_SENDER);
	assert_int_equal(m->envelope.lane, QUEUE_TRANSACTIONAL);
}

static void test_queue(void **state)
{
	static const struct {
		const char *to, *forward_path, *domain;
		bool smtputf8;
	} cases[] = {
		{ "Kim@Far.Example", "Kim@far.example", "far.example", false },
		{ "\"k m\"@far.example", "\"k m\"@far.example", "far.example", false },
		{ "kim@[192.0.2.1]", "kim@[192.0.2.1]", "[192.0.2.1]", false },
		{ "k\xc3\xad@b\xc3\xbc"
		  "cher.example",
		  "k\xc3\xad@xn--bcher-kva.example", "xn--bcher-kva.example", true },
		{ "away@shop.example", "lee@far.example", "far.example", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct dsn dsn = dsn_to(str_of(cases[i].to));
		struct queue_recipient recipient;
		struct queue_message message;
		struct notice notice;

		print_message("%s\n", cases[i].to);
		assert_true(make(&dsn, &notice));
		assert_int_equal(notice.op.deliver.target_count, 0);
		commit(&notice);
		assert_int_equal(queue_open(store, &arena, &notice.op.deliver.queue[0].queue_id, 1, &message,
		                            &recipient)
		                         .code,
		                 ERR_OK);
		check_envelope(&message, &recipient);
		assert_string_equal(arena_z(&arena, recipient.forward_path), cases[i].forward_path);
		assert_true(str_eq(notice.to, dsn.to));
		assert_string_equal(arena_z(&arena, recipient.domain), cases[i].domain);
		assert_int_equal(message.envelope.smtputf8, cases[i].smtputf8);
		queue_close(&message);
	}
}

/* An alias leads to a mailbox and to another server: one message for both. */
static void test_mailbox_and_queue(void **state)
{
	struct dsn dsn = dsn_to(STR("both@shop.example"));
	struct notice notice;

	(void)state;
	assert_true(make(&dsn, &notice));
	assert_int_equal(notice.op.deliver.queue_count, 1);
	assert_int_equal(notice.op.deliver.target_count, 1);
	assert_int_equal(notice.op.deliver.targets[0].account_id, ann);
	assert_true(str_eq(notice.op.deliver.queue[0].forward_path, STR("lee@far.example")));
	commit(&notice);
}

/* What was forwarded comes back to the one it came from. */
static void test_srs(void **state)
{
	struct notice notice;
	char room[LIMIT_PATH];
	struct buf path;

	(void)state;
	buf_init_fixed(&path, room, sizeof room);
	assert_int_equal(srs_forward(&path, KEY, NOW, STR("kim@far.example"), STR("shop.example")).code,
	                 ERR_OK);
	struct dsn dsn = dsn_to(buf_str(&path));
	assert_true(make(&dsn, &notice));
	assert_true(str_eq(notice.to, STR("kim@far.example")));
	assert_true(str_eq(notice.op.deliver.queue[0].forward_path, STR("kim@far.example")));
	commit(&notice);
	room[6] = room[6] == 'A' ? 'B' : 'A'; /* of the hash */
	assert_true(make(&dsn, &notice));
	assert_int_equal(notice.op.deliver.queue_count, 0);
	assert_int_equal(notice.op.deliver.targets[0].account_id, ann);
	notice_fini(&notice);
}

static void test_postmaster(void **state)
{
	static const char *const addresses[] = { "", "nobody@shop.example", "www-data@mx.shop.example",
		                                 "www-data@MX.shop.example", "root@empty.example" };
	struct dsn_recipient delayed = failed;
	str prefix, summary;

	(void)state;
	delayed.action = DSN_DELAYED;
	for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
		struct dsn dsn = dsn_to(str_of(addresses[i]));
		struct notice notice;

		print_message("<%s>\n", addresses[i]);
		assert_true(make(&dsn, &notice));
		assert_int_equal(notice.op.deliver.queue_count, 0);
		commit(&notice);
		str content = last_message(&prefix, &summary);
		assert_true(has(content, "To: postmaster@mx.shop.example\r\n"));
		assert_true(has(content, "You read this as postmaster"));
		assert_true(has(prefix, "Delivered-To: postmaster@shop.example\r\n"));
		dsn.recipients = &delayed; /* that is for a sender alone */
		assert_false(make(&dsn, &notice));
		assert_null(notice.draft);
	}
	struct dsn dsn = dsn_to(STR("ann@shop.example"));
	struct notice notice;
	options.to_postmaster = true;
	assert_true(make(&dsn, &notice));
	options.to_postmaster = false;
	assert_true(str_eq(notice.to, STR("postmaster@shop.example")));
	notice_fini(&notice);
}

static void test_nobody(void **state)
{
	struct dsn dsn = dsn_to(STR(""));
	struct notice notice;

	(void)state;
	change((struct directory_change){ .kind = DIRECTORY_ALIAS_REMOVE,
	                                  .name = STR("sales@shop.example") });
	change((struct directory_change){ .kind = DIRECTORY_ALIAS_REMOVE, .name = STR("both@shop.example") });
	change((struct directory_change){ .kind = DIRECTORY_ACCOUNT_REMOVE,
	                                  .name = STR("ann@shop.example") });
	assert_false(make(&dsn, &notice));
	assert_null(notice.draft);
	put_alias("postmaster@shop.example", 1); /* of whom a notice could fail again, and again */
	assert_false(make(&dsn, &notice));
}

struct original_case {
	const char *name;
	str original;
	char ret;
	bool smtputf8, delayed;
	const char *third, *says;
	enum queue_body body;
};

static void check_original(const struct original_case *c)
{
	struct dsn_recipient delayed = failed;
	struct dsn dsn = dsn_to(STR("kim@far.example"));
	struct queue_recipient recipient;
	struct queue_message m;
	struct notice notice;
	str plain = original;

	print_message("%s\n", c->name);
	delayed.action = DSN_DELAYED;
	dsn.ret = c->ret;
	dsn.smtputf8 = c->smtputf8;
	dsn.recipients = c->delayed ? &delayed : &failed;
	original = c->original;
	assert_true(make(&dsn, &notice));
	original = plain;
	commit(&notice);
	uint64_t id = notice.op.deliver.queue[0].queue_id;
	assert_int_equal(queue_open(store, &arena, &id, 1, &m, &recipient).code, ERR_OK);
	str content = read_all(m.fd, m.offset, m.size);
	str parts = parts_of(notice.op.deliver.summary, content.len);
	assert_true(str_ends_nocase(parts, str_of(c->third)));
	assert_int_equal(m.envelope.body, c->body);
	assert_int_equal(has(content, "Content-Transfer-Encoding: 8bit\r\n"), c->body == QUEUE_BODY_8BIT);
	if (c->says)
		assert_true(has(content, c->says));
	else
		assert_false(has(content, "The body.") || has(content, "aaaaa"));
	queue_close(&m);
}

/* What of the original goes along. */
static void test_original(void **state)
{
	static char big[LIMIT_DSN_ORIGINAL + 1];
	str plain = original;
	char boundary_less[] = "Subject: 1\r\n\r\n";
	memset(big, 'a', sizeof big);
	for (size_t i = 76; i < sizeof big; i += 78)
		memcpy(big + i, "\r\n", i + 1 < sizeof big ? 2 : 1);
	memcpy(big, boundary_less, sizeof boundary_less - 1);
	const struct original_case cases[] = {
		{ "whole", plain, 'F', false, false, "message/rfc822;", "The body.", QUEUE_BODY_7BIT },
		{ "header", plain, 'H', false, false, "text/rfc822-headers;", NULL, QUEUE_BODY_7BIT },
		{ "not said", plain, 0, false, false, "text/rfc822-headers;", NULL, QUEUE_BODY_7BIT },
		{ "delayed", plain, 'F', false, true, "text/rfc822-headers;", NULL, QUEUE_BODY_7BIT },
		{ "8bit", STR("A: b\r\n\r\n\xc3\xbc\r\n"), 'F', false, false, "message/rfc822;", "\xc3\xbc",
		  QUEUE_BODY_8BIT },
		{ "no end", STR("A: b\r\n\r\nbody"), 'F', false, false, "message/rfc822;", "body",
		  QUEUE_BODY_7BIT },
		{ "no body", STR("A: b\r\n"), 'H', false, false, "text/rfc822-headers;", "A: b",
		  QUEUE_BODY_7BIT },
		{ "binary", STR("A: b\r\n\r\n\0\r\n"), 'F', false, false, "text/rfc822-headers;", "A: b",
		  QUEUE_BODY_7BIT },
		{ "bare CR", STR("A: b\r\n\r\nx\ry\r\n"), 'F', false, false, "text/rfc822-headers;", "A: b",
		  QUEUE_BODY_7BIT },
		{ "bare LF", STR("A: b\r\n\r\nx\ny\r\n"), 'F', false, false, "text/rfc822-headers;", "A: b",
		  QUEUE_BODY_7BIT },
		{ "CR last", STR("A: b\r\n\r\nx\r"), 'F', false, false, "text/rfc822-headers;", "A: b",
		  QUEUE_BODY_7BIT },
		{ "wide header", STR("A: \xfc\r\n\r\nb\r\n"), 0, false, false, "text/rfc822-headers;",
		  "A: =FC", QUEUE_BODY_7BIT },
		{ "wide header, 7 bits", STR("A: b\r\n\r\n\xfc\r\n"), 0, false, false, "text/rfc822-headers;",
		  "A: b", QUEUE_BODY_7BIT },
		{ "SMTPUTF8", STR("A: \xc3\xbc\r\n\r\nb\r\n"), 'F', true, false, "message/global;",
		  "A: =C3=BC", QUEUE_BODY_7BIT },
		{ "SMTPUTF8, header", STR("A: \xc3\xbc\r\n\r\nb\r\n"), 'H', true, false,
		  "message/global-headers;", "A: =C3=BC", QUEUE_BODY_7BIT },
		{ "SMTPUTF8, not needed", plain, 'F', true, false, "message/rfc822;", "The body.",
		  QUEUE_BODY_7BIT },
		{ "at the limit",
		  { big, LIMIT_DSN_ORIGINAL },
		  'F',
		  false,
		  false,
		  "message/rfc822;",
		  "aaaaa",
		  QUEUE_BODY_7BIT },
		{ "past it",
		  { big, LIMIT_DSN_ORIGINAL + 1 },
		  'F',
		  false,
		  false,
		  "text/rfc822-headers;",
		  NULL,
		  QUEUE_BODY_7BIT },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		check_original(&cases[i]);
}

/* The event names the original as far as it is known. */
static void test_report(void **state)
{
	char octets[LIMIT_LOG_LINE];
	struct dsn dsn = dsn_to(STR("ann@shop.example"));
	const struct notice notice = { .to = STR("ann@shop.example") };
	struct buf line;

	(void)state;
	buf_init_fixed(&line, octets, sizeof octets);
	notice_report(&line, &dsn, &notice);
	assert_true(str_ends_nocase(buf_str(&line),
	                            STR("\"event\":\"dsn.made\",\"queue_id\":\"ORIGINAL1\","
	                                "\"message_id\":\"<1@shop.example>\",\"dsn_id\":\"NOTICE1\","
	                                "\"action\":\"failed\",\"forward_path\":\"ann@shop.example\","
	                                "\"count\":1}\n")));
	buf_clear(&line);
	dsn.original_message_id = STR("");
	notice_report(&line, &dsn, &notice);
	assert_true(str_ends_nocase(buf_str(&line),
	                            STR("\"queue_id\":\"ORIGINAL1\",\"dsn_id\":\"NOTICE1\","
	                                "\"action\":\"failed\",\"forward_path\":\"ann@shop.example\","
	                                "\"count\":1}\n")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mailbox),
		cmocka_unit_test(test_queue),
		cmocka_unit_test(test_mailbox_and_queue),
		cmocka_unit_test(test_srs),
		cmocka_unit_test(test_postmaster),
		cmocka_unit_test(test_original),
		cmocka_unit_test(test_nobody),
		cmocka_unit_test(test_report),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
