#include "store/route_entry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static const struct route_host hosts[] = {
	{ STR_INIT("a.provider.example"), 465, 3 },
	{ STR_INIT("[2001:db8::1]"), 65535, UINT32_MAX },
};

static const struct {
	str key, recipient, sender;
	struct route_entry route;
} routes[] = {
	{ STR_INIT("*"), STR_INIT("*"), STR_INIT(""), { .host_count = 0 } },
	{ STR_INIT("*.d.example shop.example"),
	  STR_INIT("*.d.example"),
	  STR_INIT("shop.example"),
	  { .hosts = hosts,
	    .host_count = 2,
	    .user = STR_INIT("u"),
	    .secret = STR_INIT("s\0t"),
	    .token_command = STR_INIT("get-token --quiet"),
	    .tls = ROUTE_TLS_VERIFY,
	    .lmtp = true,
	    .limits = { 1, 0, UINT32_MAX } } },
};

static str encoded(char octets[static 512], const struct route_entry *route)
{
	struct buf out;

	buf_init_fixed(&out, octets, 512);
	route_encode(&out, route);
	assert_int_equal(buf_err(&out).code, ERR_OK);
	return buf_str(&out);
}

static void test_round_trip(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
		const struct route_entry *want = &routes[i].route;
		char octets[512], key[ROUTE_KEY];
		struct route_host room[LIMIT_ROUTE_HOSTS];
		struct route_entry got;

		print_message("%.*s\n", STR_ARG(routes[i].key));
		assert_true(str_eq(route_key(key, routes[i].recipient, routes[i].sender), routes[i].key));
		assert_int_equal(route_decode(routes[i].key, encoded(octets, want), room, &got).code, ERR_OK);
		assert_true(str_eq(got.recipient, routes[i].recipient));
		assert_true(str_eq(got.sender, routes[i].sender));
		assert_true(str_eq(got.user, want->user));
		assert_true(str_eq(got.secret, want->secret));
		assert_true(str_eq(got.token_command, want->token_command));
		assert_int_equal(got.tls, want->tls);
		assert_int_equal(got.lmtp, want->lmtp);
		assert_memory_equal(got.limits, want->limits, sizeof got.limits);
		assert_int_equal(got.host_count, want->host_count);
		for (size_t h = 0; h < want->host_count; h++) {
			assert_true(str_eq(got.hosts[h].name, want->hosts[h].name));
			assert_int_equal(got.hosts[h].port, want->hosts[h].port);
			assert_true(got.hosts[h].weight == want->hosts[h].weight);
		}
	}
}

/* Cut anywhere, or with an octet more, it is no route. */
static void test_cut(void **state)
{
	char octets[512];
	str whole = encoded(octets, &routes[1].route);

	(void)state;
	for (size_t len = 0; len <= whole.len + 1; len++) {
		struct route_host room[LIMIT_ROUTE_HOSTS];
		struct route_entry got = { .created_ms = 77 };

		if (len == whole.len)
			continue;
		str in = { octets, len };
		assert_int_equal(route_decode(routes[1].key, in, room, &got).code, ERR_CORRUPT);
		assert_int_equal(got.created_ms, 77); /* untouched */
	}
}

static const struct {
	const char *what;
	str key, details;
} damaged[] = {
	{ "no recipient", STR_INIT(" shop.example"), STR_INIT("\1\0\0\0\0\0\0\0\0\0") },
	{ "format 2", STR_INIT("*"), STR_INIT("\2\0\0\0\0\0\0\0\0\0") },
	{ "an unknown flag", STR_INIT("*"), STR_INIT("\1\2\0\0\0\0\0\0\0\0") },
	{ "an unknown policy", STR_INIT("*"), STR_INIT("\1\0\4\0\0\0\0\0\0\0") },
	{ "a limit of 2^32", STR_INIT("*"), STR_INIT("\1\0\0\0\0\0\0\0\x80\x80\x80\x80\x10\0") },
	{ "33 hosts", STR_INIT("*"), STR_INIT("\1\0\0\0\0\0\0\0\0\x21") },
	{ "port 0", STR_INIT("*"), STR_INIT("\1\0\0\0\0\0\0\0\0\1\1a\0\0") },
	{ "port 65536", STR_INIT("*"), STR_INIT("\1\0\0\0\0\0\0\0\0\1\1a\x80\x80\4\0") },
};

static void test_damaged(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof damaged / sizeof damaged[0]; i++) {
		struct route_host room[LIMIT_ROUTE_HOSTS];
		struct route_entry got;

		print_message("%s\n", damaged[i].what);
		assert_int_equal(route_decode(damaged[i].key, damaged[i].details, room, &got).code,
		                 ERR_CORRUPT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_round_trip), cmocka_unit_test(test_cut),
		                            cmocka_unit_test(test_damaged) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
