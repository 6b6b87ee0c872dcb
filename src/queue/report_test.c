#include "queue/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/limits.h"

#define HEAD "{\"time\":\"2026-11-24T12:00:00.000Z\",\"event\":"
#define ID "\"queue_id\":\"MI9DCT3Y8000001\","

static const int64_t now_ms = 1795521600000; /* 2026-11-24T12:00:00Z */

static const struct {
	enum log_event event;
	const char *address;
	struct report report;
	const char *line;
} cases[] = {
	{ EV_MESSAGE_SENT,
	  "192.0.2.7",
	  { .message_id = STR_INIT("MI9DCT3Y8000001"),
	    .header_id = STR_INIT("<a@shop.example>"),
	    .queue_id = 1024,
	    .reverse_path = STR_INIT("ann@shop.example"),
	    .forward_path = STR_INIT("bob@far.example"),
	    .remote_host = STR_INIT("mx.far.example"),
	    .tls = STR_INIT("TLSv1.3"),
	    .reply = STR_INIT("250 2.0.0 taken\nas 77"),
	    .attempts = 2 },
	  HEAD "\"message.sent\"," ID
	       "\"queue_row\":\"MI9DCT3Y8000001-sg\",\"message_id\":\"<a@shop.example>\","
	       "\"reverse_path\":\"ann@shop.example\",\"forward_path\":\"bob@far.example\","
	       "\"remote_host\":\"mx.far.example\",\"remote_ip\":\"192.0.2.7\",\"tls\":\"TLSv1.3\","
	       "\"reply\":\"250 2.0.0 taken\\nas 77\",\"attempts\":2}\n" },
	{ EV_MESSAGE_DEFERRED,
	  NULL,
	  { .message_id = STR_INIT("MI9DCT3Y8000001"),
	    .queue_id = 35,
	    .forward_path = STR_INIT("bob@far.example"),
	    .why = STR_INIT("the name servers of the domain do not answer"),
	    .attempts = 1,
	    .next_attempt_ms = 1795521661001 },
	  HEAD
	  "\"message.deferred\"," ID "\"queue_row\":\"MI9DCT3Y8000001-z\",\"reverse_path\":\"\","
	  "\"forward_path\":\"bob@far.example\",\"why\":\"the name servers of the domain do not answer\","
	  "\"attempts\":1,\"next_attempt\":\"2026-11-24T12:01:01.001Z\"}\n" },
};

static void test_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct report report = cases[i].report;
		char octets[LIMIT_LOG_LINE];
		struct buf line;

		if (cases[i].address)
			assert_int_equal(ip_parse(str_of(cases[i].address), &report.remote_ip).code, ERR_OK);
		buf_init_fixed(&line, octets, sizeof octets);
		report_add(&line, now_ms, cases[i].event, &report);
		print_message(STR_FMT, STR_ARG(buf_str(&line)));
		assert_true(str_eq(buf_str(&line), str_of(cases[i].line)));
	}
}

/* Everything at its longest still is one whole line. */
static void test_long(void **state)
{
	static char filler[LIMIT_PATH];
	char octets[2 * LIMIT_LOG_LINE];
	str longest = { filler, sizeof filler };
	struct report report = { .message_id = STR("MI9DCT3Y8000001"),
		                 .header_id = longest,
		                 .queue_id = UINT64_MAX,
		                 .reverse_path = longest,
		                 .forward_path = longest,
		                 .remote_host = longest,
		                 .tls = longest,
		                 .reply = longest,
		                 .why = longest,
		                 .attempts = UINT32_MAX,
		                 .next_attempt_ms = now_ms };
	struct buf line;

	(void)state;
	memset(filler, 1, sizeof filler); /* six octets each in JSON */
	buf_init_fixed(&line, octets, sizeof octets);
	report_add(&line, now_ms, EV_MESSAGE_BOUNCED, &report);
	assert_int_equal(buf_err(&line).code, ERR_OK);
	str text = buf_str(&line);
	assert_true(text.len <= LIMIT_LOG_LINE);
	assert_true(str_find(text, STR("\n")) == text.len - 1);
	assert_true(str_ends_nocase(text, STR("}\n")));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_lines), cmocka_unit_test(test_long) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
