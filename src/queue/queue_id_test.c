#include "queue/queue_id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static const struct {
	const char *text;
	err_code code;
	const char *message_id;
	uint64_t queue_id;
} cases[] = {
	{ "MI9DCT3Y8A1B2C3-1", ERR_OK, "MI9DCT3Y8A1B2C3", 1 },
	{ "MI9DCT3Y8A1B2C3-sg", ERR_OK, "MI9DCT3Y8A1B2C3", 1024 },
	{ "x-3w5e11264sgsf", ERR_OK, "x", UINT64_MAX },
	{ "0123456789ABCDEFGHIJKLMNOPQRSTUV-10", ERR_OK, "0123456789ABCDEFGHIJKLMNOPQRSTUV", 36 },
	{ "MI9DCT3Y8A1B2C3", ERR_OK, "MI9DCT3Y8A1B2C3", 0 },
	{ "", ERR_SYNTAX, NULL, 0 },
	{ "-1", ERR_SYNTAX, NULL, 0 },
	{ "M-", ERR_SYNTAX, NULL, 0 },
	{ "M-0", ERR_SYNTAX, NULL, 0 },
	{ "M-A", ERR_SYNTAX, NULL, 0 },
	{ "M-1-1", ERR_SYNTAX, NULL, 0 },
	{ "M-3w5e11264sgsg", ERR_SYNTAX, NULL, 0 }, /* 2^64 */
	{ "M-zzzzzzzzzzzzzzzz", ERR_SYNTAX, NULL, 0 },
	{ "a@b.example", ERR_SYNTAX, NULL, 0 },
	{ "0123456789ABCDEFGHIJKLMNOPQRSTUVW-1", ERR_SYNTAX, NULL, 0 },
};

static void test_ids(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		str text = str_of(cases[i].text), message_id = STR("untouched");
		uint64_t queue_id = 77;
		char octets[64];
		struct buf out;

		print_message("%s\n", cases[i].text);
		assert_int_equal(queue_id_parse(text, &message_id, &queue_id).code, cases[i].code);
		if (cases[i].code != ERR_OK) {
			assert_true(queue_id == 77 && str_eq(message_id, STR("untouched")));
			continue;
		}
		assert_true(queue_id == cases[i].queue_id);
		assert_true(str_eq(message_id, str_of(cases[i].message_id)));
		if (queue_id == 0)
			continue;
		buf_init_fixed(&out, octets, sizeof octets);
		queue_id_add(&out, message_id, queue_id);
		assert_true(str_eq(buf_str(&out), text));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_ids) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
