#include "queue/mx.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/limits.h"
#include "base/random.h"

static void test_private(void **state)
{
	static const struct {
		const char *address;
		bool is;
	} rows[] = {
		{ "127.0.0.1", true },
		{ "10.1.2.3", true },
		{ "192.168.0.1", true },
		{ "172.16.0.1", true },
		{ "172.32.0.1", false },
		{ "169.254.1.1", true },
		{ "100.64.0.1", true },
		{ "100.128.0.1", false },
		{ "0.0.0.0", true },
		{ "224.0.0.1", true },
		{ "255.255.255.255", true },
		{ "8.8.8.8", false },
		{ "::1", true },
		{ "::", true },
		{ "fe80::1", true },
		{ "fd00::1", true },
		{ "2a00:1450::1", false },
		{ "ff02::1", true },
		{ "2001:db8::1", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		ip address;
		assert_int_equal(ip_parse(str_of(rows[i].address), &address).code, ERR_OK);
		if (mx_is_private(address) != rows[i].is)
			fail_msg("%s", rows[i].address);
	}
}

/* "a:10 b:20" to hosts, and back to names. */
static size_t hosts_of(const char *text, struct mx_host *hosts)
{
	str in = str_of(text);
	size_t count = 0;

	while (in.len > 0) {
		str one = str_cut(&in, ' '), name = str_cut(&one, ':');
		unsigned preference = 0;
		for (size_t i = 0; i < one.len; i++)
			preference = preference * 10 + (unsigned)(one.ptr[i] - '0');
		hosts[count++] = (struct mx_host){ .name = name, .preference = (uint16_t)preference };
	}
	return count;
}

static uint64_t no_chance(void) { return 0; }

static void test_order(void **state)
{
	static const struct {
		const char *hosts, *ordered;
	} rows[] = {
		{ "a:10", "a" },
		{ "b:20 a:10 c:30", "a b c" },
		{ "c:65535 a:0", "a c" },
		{ "a:10 us:20 b:20 c:30", "a" }, /* equal to us is not better than us */
		{ "us:10 a:20", "" },
		{ "a:10 US:5", "" },
		{ "us:30 a:10 us:20 b:25", "a" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct mx_host hosts[LIMIT_MX_HOSTS];
		char got[64] = "";
		size_t count = mx_order(hosts, hosts_of(rows[i].hosts, hosts), STR("us"), no_chance);
		for (size_t j = 0; j < count; j++)
			snprintf(got + strlen(got), sizeof got - strlen(got), "%s" STR_FMT, j ? " " : "",
			         STR_ARG(hosts[j].name));
		assert_string_equal(got, rows[i].ordered);
	}
}

/* Each of three equal ones is first about as often. */
static void test_chance(void **state)
{
	unsigned first[3] = { 0 };

	(void)state;
	for (int i = 0; i < 3000; i++) {
		struct mx_host hosts[LIMIT_MX_HOSTS];
		size_t count = mx_order(hosts, hosts_of("z:5 a:10 b:10 c:10", hosts), STR("us"), random_u64);
		assert_int_equal(count, 4);
		assert_true(str_eq(hosts[0].name, STR("z")));
		first[hosts[1].name.ptr[0] - 'a']++;
	}
	for (int i = 0; i < 3; i++)
		assert_in_range(first[i], 800, 1200);
}

static void test_site(void **state)
{
	struct mx_host hosts[LIMIT_MX_HOSTS];
	char one[64], two[64];

	(void)state;
	str a = mx_site(hosts, hosts_of("b.example:10 a.example:20", hosts), one, sizeof one);
	assert_true(str_eq(a, STR("a.example,b.example")));
	a = mx_site(hosts, hosts_of("a.example:1 b.example:1", hosts), two, sizeof two);
	assert_true(str_eq(a, STR("a.example,b.example")));
	/* too long: still another site for other hosts */
	const char *many = "aaaaaaaaaaaaaaaaaaaaaaaa:1 bbbbbbbbbbbbbbbbbbbbbbbbbbbbb:1 ccccccccccccccccc:1";
	const char *more = "aaaaaaaaaaaaaaaaaaaaaaaa:1 bbbbbbbbbbbbbbbbbbbbbbbbbbbbb:1 ccccccccccccccccd:1";
	a = mx_site(hosts, hosts_of(many, hosts), one, sizeof one);
	str b = mx_site(hosts, hosts_of(more, hosts), two, sizeof two);
	assert_true(a.len > 0 && !str_eq(a, b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_private),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_chance),
		cmocka_unit_test(test_site),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
