#include "bounce/srs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "base/limits.h"

#define DAY_MS INT64_C(86400000)
#define NOW (20000 * DAY_MS)
#define KEY STR("a key of this server's own")

static str forward(char *room, size_t size, str key, int64_t now_ms, const char *from, const char *domain)
{
	struct buf out;

	buf_init_fixed(&out, room, size);
	assert_int_equal(srs_forward(&out, key, now_ms, str_of(from), str_of(domain)).code, ERR_OK);
	return buf_str(&out);
}

static err reverse(char *room, size_t size, str key, int64_t now_ms, str address, str *back)
{
	struct buf out;
	str rest = address, local_part = str_cut(&rest, '@');

	buf_init_fixed(&out, room, size);
	err e = srs_reverse(&out, key, now_ms, local_part);
	*back = buf_str(&out);
	return e;
}

static void test_there_and_back(void **state)
{
	static const char *const addresses[] = { "bob@e.example", "bob=x=y@e.example", "b+tag@sub.e.example",
		                                 "SRS@e.example", "x@y" };
	char there[LIMIT_PATH], back_room[LIMIT_PATH];
	str back;

	(void)state;
	for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
		str made = forward(there, sizeof there, KEY, NOW, addresses[i], "ours.example");
		assert_int_equal(memcmp(made.ptr, "SRS0=", 5), 0);
		assert_int_equal(
			reverse(back_room, sizeof back_room, KEY, NOW + 3 * DAY_MS, made, &back).code,
			ERR_OK);
		assert_true(str_eq(back, str_of(addresses[i])));
	}
}

/* Three servers, each with a key of its own; a bounce goes from the third to the first and from there home.
 */
static void test_chain(void **state)
{
	char one[LIMIT_PATH], two[LIMIT_PATH], three[LIMIT_PATH], room[LIMIT_PATH];
	char z[LIMIT_PATH];
	str back;

	(void)state;
	str a = forward(one, sizeof one, STR("key of a"), NOW, "bob@e.example", "a.example");
	memcpy(z, a.ptr, a.len + 0);
	z[a.len] = '\0';
	str b = forward(two, sizeof two, STR("key of b"), NOW, z, "b.example");
	assert_int_equal(memcmp(b.ptr, "SRS1=", 5), 0);
	memcpy(z, b.ptr, b.len);
	z[b.len] = '\0';
	str c = forward(three, sizeof three, STR("key of c"), NOW, z, "c.example");
	assert_int_equal(c.len, b.len); /* no longer from here on */
	assert_int_equal(reverse(room, sizeof room, STR("key of c"), NOW, c, &back).code, ERR_OK);
	assert_true(str_eq(back, a));
	assert_int_equal(reverse(z, sizeof z, STR("key of a"), NOW, back, &back).code, ERR_OK);
	assert_true(str_eq(back, STR("bob@e.example")));
}

static void test_refused(void **state)
{
	char made_room[LIMIT_PATH], room[LIMIT_PATH], changed[LIMIT_PATH];
	struct buf out;
	str back;
	str made = forward(made_room, sizeof made_room, KEY, NOW, "bob@e.example", "ours.example");

	(void)state;
	assert_int_equal(reverse(room, sizeof room, STR("another key"), NOW, made, &back).code, ERR_DENIED);
	assert_int_equal(
		reverse(room, sizeof room, KEY, NOW + (LIMIT_SRS_DAYS + 1) * DAY_MS, made, &back).code,
		ERR_DENIED);
	assert_int_equal(reverse(room, sizeof room, KEY, NOW - DAY_MS, made, &back).code,
	                 ERR_DENIED); /* of tomorrow */
	/* in any case, and with any one octet changed */
	memcpy(changed, made.ptr, made.len);
	for (size_t i = 0; i < made.len; i++)
		if (changed[i] >= 'A' && changed[i] <= 'Z')
			changed[i] = (char)(changed[i] - 'A' + 'a');
	assert_int_equal(reverse(room, sizeof room, KEY, NOW, (str){ changed, made.len }, &back).code,
	                 ERR_OK);
	for (size_t i = 5; i < made.len && made.ptr[i] != '@'; i++) {
		memcpy(changed, made.ptr, made.len);
		changed[i] = changed[i] == 'x' ? 'z' : 'x';
		assert_int_not_equal(
			reverse(room, sizeof room, KEY, NOW, (str){ changed, made.len }, &back).code, ERR_OK);
	}
	static const char *const bad[] = { "SRS0=",        "SRS0=ABCDEF", "SRS0",
		                           "SRS2=A=B=c=d", "bob",         "SRS1=AAAAAA=" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_not_equal(reverse(room, sizeof room, KEY, NOW, str_of(bad[i]), &back).code,
		                     ERR_OK);
	static const char *const none[] = { "", "bob", "@e.example", "bob@", "bob@e=f" };
	for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
		buf_init_fixed(&out, room, sizeof room);
		assert_int_equal(srs_forward(&out, KEY, NOW, str_of(none[i]), STR("ours.example")).code,
		                 ERR_SYNTAX);
	}
}

static void test_too_long(void **state)
{
	char from[LIMIT_PATH], room[LIMIT_PATH];
	struct buf out;

	(void)state;
	memset(from, 'a', 60);
	memcpy(from + 60, "@e.example", 11);
	buf_init_fixed(&out, room, sizeof room);
	assert_int_equal(srs_forward(&out, KEY, NOW, str_of(from), STR("ours.example")).code, ERR_LIMIT);
	assert_int_equal(out.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_chain),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
