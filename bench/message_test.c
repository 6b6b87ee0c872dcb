#include "message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <cmocka.h>

enum { LINE_MAX_OCTETS = 76 };

static struct message_spec spec_of(size_t mean_size)
{
	return (struct message_spec){ .seed = 7,
		                      .mean_size = mean_size,
		                      .users = 10,
		                      .recipients = "user%d@shop.example",
		                      .run = "t1" };
}

static const size_t sizes[] = { MESSAGE_SIZE_MIN, 4096, 12 * 1024, 75 * 1024, 1024 * 1024 };

static void assert_lines(const char *text, size_t len)
{
	size_t column = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n') {
			assert_true(i > 0 && text[i - 1] == '\r');
			assert_true(column - 1 <= LINE_MAX_OCTETS);
			column = 0;
		} else {
			assert_true(text[i] != '\r' || (i + 1 < len && text[i + 1] == '\n'));
			column++;
		}
	}
	assert_int_equal(column, 0);
}

/* What a receiver does with DATA (RFC 5321 §4.5.2) gives the message back. */
static void assert_wire(const struct message *m)
{
	size_t at = 0, lines_with_dot = 0;
	bool line_begins = true;

	for (size_t i = 0; i < m->rest_len; i++) {
		if (line_begins && m->rest[i] == '.') {
			assert_int_equal(m->wire[at++], '.');
			lines_with_dot++;
		}
		assert_int_equal(m->wire[at++], m->rest[i]);
		line_begins = m->rest[i] == '\n';
	}
	assert_memory_equal(m->wire + at, ".\r\n", 3);
	assert_int_equal(m->wire_len, m->rest_len + lines_with_dot + 3);
}

static void test_messages(void **state)
{
	(void)state;
	for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
		const struct message_spec spec = spec_of(sizes[s]);
		struct message_pool *pool = message_pool_new(&spec), *again = message_pool_new(&spec);
		size_t total = 0;
		print_message("mean size %zu\n", sizes[s]);
		for (uint64_t seq = 0; seq < MESSAGE_POOL; seq++) {
			struct message m, other;
			message_make(pool, seq, &m);
			message_make(again, seq, &other);
			assert_int_equal(m.rest_len, other.rest_len);
			assert_memory_equal(m.rest, other.rest, m.rest_len);
			assert_memory_equal(m.head, other.head, m.head_len);
			size_t size = m.head_len + m.rest_len;
			total += size;
			assert_in_range(size, sizes[s] / 2 - LINE_MAX_OCTETS, sizes[s] * 3 / 2 + 800);
			assert_lines(m.head, m.head_len);
			if (seq < 4 || sizes[s] < 100000) {
				assert_lines(m.rest, m.rest_len);
				assert_wire(&m);
			}
		}
		assert_in_range(total / MESSAGE_POOL, sizes[s] * 98 / 100, sizes[s] * 102 / 100 + 250);
		message_pool_free(pool);
		message_pool_free(again);
	}
}

static void test_head(void **state)
{
	const struct message_spec spec = spec_of(4096);
	struct message_pool *pool = message_pool_new(&spec);
	struct message m;
	char want[MESSAGE_HEAD_MAX], to[MESSAGE_ADDRESS_MAX];

	(void)state;
	message_make(pool, 4294967295, &m);
	message_address(spec.recipients, message_user(&spec, 4294967295), to);
	snprintf(want, sizeof want,
	         "X-Load-Seq: 4294967295\r\nX-Load-Run: t1\r\nMessage-ID: <4294967295.t1@load.example>\r\n"
	         "To: <%s>\r\n",
	         to);
	assert_int_equal(m.head_len, strlen(want));
	assert_memory_equal(m.head, want, m.head_len);
	message_pool_free(pool);
}

static void test_users_get_their_share(void **state)
{
	const struct message_spec spec = spec_of(4096);
	unsigned got[10] = { 0 };

	(void)state;
	for (uint64_t seq = 0; seq < 10000; seq++)
		got[message_user(&spec, seq)]++;
	for (unsigned i = 0; i < 10; i++)
		assert_in_range(got[i], 900, 1100);
}

static void test_spec_survives_the_file(void **state)
{
	const struct message_spec spec = spec_of(4096);
	struct message_spec back;
	FILE *f = tmpfile();

	(void)state;
	assert_non_null(f);
	message_spec_write(&spec, f);
	fputs("12\n", f);
	rewind(f);
	assert_int_equal(message_spec_read(f, &back), 0);
	assert_int_equal(back.seed, spec.seed);
	assert_int_equal(back.mean_size, spec.mean_size);
	assert_int_equal(back.users, spec.users);
	assert_string_equal(back.recipients, spec.recipients);
	assert_string_equal(back.run, spec.run);
	assert_int_not_equal(message_spec_read(f, &back), 0); /* "12" is no spec */
	fclose(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_head),
		cmocka_unit_test(test_users_get_their_share),
		cmocka_unit_test(test_spec_survives_the_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
