#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "base/limits.h"

static const struct {
	str octets;
	const char *json;
} strings[] = {
	{ STR_INIT(""), "\"\"" },
	{ STR_INIT("a\"b\\c"), "\"a\\\"b\\\\c\"" },
	{ STR_INIT("\r\n\t"), "\"\\r\\n\\t\"" },
	{ STR_INIT("\0\x1f\x7f"), "\"\\u0000\\u001f\\u007f\"" },
	{ STR_INIT("\xc3\xa9\xf0\x9f\x98\x80"), "\"\xc3\xa9\xf0\x9f\x98\x80\"" },
	{ STR_INIT("\xc3"), "\"\xef\xbf\xbd\"" },
	{ STR_INIT("\xff\xfe"), "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
	{ STR_INIT("\xc0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
	{ STR_INIT("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
	{ STR_INIT("\xf4\x90\x80\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
	{ STR_INIT("\xe2\x82"), "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
};

static void test_strings(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++) {
		char room[200] = "";
		struct buf b;

		buf_init_fixed(&b, room, sizeof room - 1);
		log_add_json_string(&b, strings[i].octets);
		assert_string_equal(room, strings[i].json);
	}
}

static void test_line(void **state)
{
	char room[500] = "";
	struct buf b;
	const struct log_field fields[] = {
		LOG_Z("why", "x\ny"), LOG_INT("n", -5), LOG_JSON("list", STR("[1]")), { 0 }
	};

	(void)state;
	buf_init_fixed(&b, room, sizeof room - 1);
	log_format(&b, 0, EV_SESSION_CLOSED, fields);
	assert_string_equal(room, "{\"time\":\"1970-01-01T00:00:00.000Z\",\"event\":\"session.closed\","
	                          "\"why\":\"x\\ny\",\"n\":-5,\"list\":[1]}\n");
}

/* However long its values, a line fits, ends as an object, and says that it was cut. */
static void test_cut(void **state)
{
	static char octets[100000], room[LIMIT_LOG_LINE];
	struct buf b;

	(void)state;
	memset(octets, 1, sizeof octets); /* six octets each, escaped */
	str value = { octets, sizeof octets };
	const struct log_field fields[] = {
		LOG_STR("a", value), LOG_STR("b", value), LOG_INT("n", 1), { 0 }
	};
	buf_init_fixed(&b, room, sizeof room);
	log_format(&b, 0, EV_SESSION_CLOSED, fields);
	assert_int_equal(buf_err(&b).code, ERR_OK);
	assert_true(str_ends_nocase(buf_str(&b), STR("\"n\":1,\"cut\":true}\n")));
}

static void test_vocabulary(void **state)
{
	(void)state;
	for (int i = 0; i < LOG_EVENT_COUNT; i++) {
		const char *name = log_event_name((enum log_event)i);
		assert_true(strlen(name) >= 5 && strlen(log_event_meaning((enum log_event)i)) > 10);
		for (int k = 0; k < i; k++)
			assert_string_not_equal(name, log_event_name((enum log_event)k));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_strings), cmocka_unit_test(test_line),
		                            cmocka_unit_test(test_cut), cmocka_unit_test(test_vocabulary) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
