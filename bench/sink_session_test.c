#include "sink_session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "id_set.h"

static const char dialogue[] = "EHLO a\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n"
			       "Message-ID: <1@x>\r\n\r\n..\r\n.x\r\n\n.\n\r\n\r.\r\n.\r\r\n. \r\n.\r\n"
			       "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n.\r\n" /* an empty message */
			       "MAIL FROM:<>\r\nRCPT TO:<c@d>\r\nDATA\r\n"
			       "Subject: x\r\nmessage-id:<1@x>\r\n\r\n\r\n\r\n.\r\nQUIT\r\n";

static const char replies[] =
	"250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-SIZE 0\r\n"
	"250 ENHANCEDSTATUSCODES\r\n"
	"250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 Go on\r\n250 2.0.0 Ok\r\n"
	"250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 Go on\r\n250 2.0.0 Ok\r\n"
	"250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 Go on\r\n250 2.0.0 Ok\r\n221 2.0.0 Bye\r\n";

static const struct sink_plan takes_all;

static void play(struct sink_session *s, const size_t *cuts, size_t n)
{
	size_t at = 0, end = sizeof dialogue - 1;

	for (size_t i = 0; i <= n; i++) {
		size_t to = i < n ? cuts[i] : end;
		assert_int_equal(sink_session_push(s, dialogue + at, to - at), to - at);
		at = to;
	}
}

/* Wherever the octets are cut, in two places at once, the session says and counts the same. */
static void test_cuts(void **state)
{
	(void)state;
	for (size_t a = 0; a < sizeof dialogue; a++)
		for (size_t b = a; b < sizeof dialogue; b++) {
			struct id_set *ids = id_set_new();
			const struct sink_plan plan = { .ids = ids };
			struct sink_session s;
			sink_session_init(&s, &plan);
			play(&s, (size_t[]){ a, b }, 2);
			if (s.messages != 3 || s.replies_len != sizeof replies - 1)
				print_message("cut at %zu and %zu\n", a, b);
			assert_int_equal(s.messages, 3);
			assert_int_equal(s.replies_len, sizeof replies - 1);
			assert_memory_equal(s.replies, replies, sizeof replies - 1);
			assert_true(s.quit);
			assert_int_equal(id_set_unique(ids), 1);
			assert_int_equal(id_set_duplicates(ids), 1);
			sink_session_fini(&s);
			id_set_free(ids);
		}
}

static void test_octet_by_octet(void **state)
{
	struct sink_session s;

	(void)state;
	sink_session_init(&s, &takes_all);
	for (size_t i = 0; i < sizeof dialogue - 1; i++)
		assert_int_equal(sink_session_push(&s, dialogue + i, 1), 1);
	assert_int_equal(s.messages, 3);
	assert_memory_equal(s.replies, replies, sizeof replies - 1);
	sink_session_fini(&s);
}

/* Replies that nobody takes stop the session, and it goes on where it stopped. */
static void test_full_replies(void **state)
{
	static const char noop[] = "NOOP\r\n";
	static char noops[(sizeof noop - 1) * 4096];
	struct sink_session s;
	size_t used = 0, taken = 0;

	(void)state;
	for (size_t i = 0; i < sizeof noops; i++)
		noops[i] = noop[i % (sizeof noop - 1)];
	sink_session_init(&s, &takes_all);
	while (used < sizeof noops) {
		size_t n = sink_session_push(&s, noops + used, sizeof noops - used);
		assert_true(n > 0);
		assert_true(s.replies_len <= sizeof s.replies);
		used += n;
		taken += s.replies_len;
		s.replies_len = 0;
	}
	assert_int_equal(taken, 4096 * strlen("250 2.0.0 Ok\r\n"));
	sink_session_fini(&s);
}

static char told[256];

static void tell(void *user, const char *id, size_t len, unsigned recipients)
{
	size_t at = strlen(told);

	assert_ptr_equal(user, told);
	snprintf(told + at, sizeof told - at, "%.*s %u;", (int)len, id, recipients);
}

/* What was taken is told with its recipients; those of a transaction given up do not count. */
static void test_told(void **state)
{
	static const char said[] =
		"MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nRCPT TO:<c@b>\r\nDATA\r\nMessage-ID:\t<2@x> "
		"\r\n\r\n.\r\n"
		"MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nRSET\r\nDATA\r\n"
		"MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\n"
		"X: y\r\n\r\nMessage-ID: <body@x>\r\n.\r\nDATA\r\n";
	const struct sink_plan plan = { .took = tell, .user = told };
	struct sink_session s;

	(void)state;
	told[0] = '\0';
	sink_session_init(&s, &plan);
	assert_int_equal(sink_session_push(&s, said, sizeof said - 1), sizeof said - 1);
	assert_string_equal(told, "<2@x> 2; 1;");
	assert_int_equal(s.messages, 2);
	assert_int_equal(s.delivered, 3);
	assert_false(s.in_message); /* DATA without a recipient is refused */
	sink_session_fini(&s);
}

/* A sink that has everybody come again later takes nothing. */
static void test_refuses(void **state)
{
	static const char said[] = "MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nRCPT TO:<c@b>\r\nDATA\r\nQUIT\r\n";
	static const char answers[] = "250 2.1.0 Ok\r\n450 4.7.1 Later\r\n450 4.7.1 Later\r\n"
				      "554 5.5.1 No recipients\r\n221 2.0.0 Bye\r\n";
	const struct sink_plan plan = { .rcpt_reply = "450 4.7.1 Later" };
	struct sink_session s;

	(void)state;
	sink_session_init(&s, &plan);
	assert_int_equal(sink_session_push(&s, said, sizeof said - 1), sizeof said - 1);
	assert_int_equal(s.replies_len, sizeof answers - 1);
	assert_memory_equal(s.replies, answers, sizeof answers - 1);
	assert_int_equal(s.refused, 2);
	assert_int_equal(s.messages, 0);
	sink_session_fini(&s);
}

static void test_ids_grow(void **state)
{
	struct id_set *ids = id_set_new();
	char id[32];

	(void)state;
	for (unsigned round = 0; round < 2; round++)
		for (unsigned i = 0; i < 200000; i++)
			id_set_add(ids, id, (size_t)snprintf(id, sizeof id, "<%u.run@load.example>", i));
	assert_int_equal(id_set_unique(ids), 200000);
	assert_int_equal(id_set_duplicates(ids), 200000);
	id_set_free(ids);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cuts),         cmocka_unit_test(test_octet_by_octet),
		cmocka_unit_test(test_full_replies), cmocka_unit_test(test_told),
		cmocka_unit_test(test_refuses),      cmocka_unit_test(test_ids_grow),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
