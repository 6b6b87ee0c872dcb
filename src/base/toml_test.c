#include "base/toml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/limits.h"

static struct arena arena;

static int reset(void **state)
{
	(void)state;
	arena_reset(&arena);
	arena_init(&arena, NULL, 256u * LIMIT_MB);
	return 0;
}

static void dump(struct buf *out, const struct toml_node *n);

static void dump_children(struct buf *out, const struct toml_node *n, const char *brackets)
{
	buf_add_char(out, brackets[0]);
	for (const struct toml_node *c = n->first; c; c = c->next) {
		if (n->kind == TOML_TABLE) {
			buf_add(out, c->key);
			buf_add_char(out, '=');
		}
		dump(out, c);
		if (c->next)
			buf_add_char(out, ' ');
	}
	buf_add_char(out, brackets[1]);
}

static void dump_time(struct buf *out, const toml_time *t)
{
	if (t->has_date)
		buf_add_format(out, "%04d-%02d-%02d", t->year, t->month, t->day);
	if (t->has_time)
		buf_add_format(out, "T%02d:%02d:%02d.%09u", t->hour, t->minute, t->second, t->nanosecond);
	if (t->has_offset)
		buf_add_format(out, "%+d", t->offset_minutes);
}

/* Kinds differ in how they are written: 'string', 1, 1.5f, true, date, [array], {table}. */
static void dump(struct buf *out, const struct toml_node *n)
{
	switch (n->kind) {
	case TOML_STRING:
		buf_add_char(out, '\'');
		buf_add(out, n->string);
		buf_add_char(out, '\'');
		break;
	case TOML_INTEGER:
		buf_add_i64(out, n->integer);
		break;
	case TOML_FLOAT:
		buf_add_format(out, "%.17gf", n->number);
		break;
	case TOML_BOOLEAN:
		buf_add(out, n->boolean ? STR("true") : STR("false"));
		break;
	case TOML_TIME:
		dump_time(out, &n->time);
		break;
	case TOML_ARRAY:
		dump_children(out, n, "[]");
		break;
	case TOML_TABLE:
		dump_children(out, n, "{}");
		break;
	}
}

/* clang-format off */
static const struct {
	const char *text, *want;
} good[] = {
	{ "", "{}" },
	{ "# nothing\n\n \t\r\n", "{}" },
	{ "\xef\xbb\xbf" "a = 1", "{a=1}" },
	{ "a = 1 # one\r\nb=2", "{a=1 b=2}" },
	{ "1234 = 1\n-_ = 2\n\"\" = 3\n'x y'=4\n\"\\u00e9\" = 5", "{1234=1 -_=2 =3 x y=4 \xc3\xa9=5}" },
	{ "a . b.'c' = 1\na.b.d=2", "{a={b={c=1 d=2}}}" },
	{ "3.14 = 'pi'", "{3={14='pi'}}" },
	/* strings */
	{ "a = \"b\\t\\n\\r\\f\\b\\\"\\\\ \\u00E9 \\U0001F600\"", "{a='b\t\n\r\f\b\"\\ \xc3\xa9 \xf0\x9f\x98\x80'}" },
	{ "a = 'C:\\x\"y'", "{a='C:\\x\"y'}" },
	{ "a = \"\"\nb = ''\nc = \"\"\"\"\"\"\nd = ''''''", "{a='' b='' c='' d=''}" },
	{ "a = \"\"\"\nx\r\ny\"\"\"", "{a='x\ny'}" },
	{ "a = \"\"\"x \\\n \t\r\n  y \\\"\"\"\"", "{a='x y \"'}" },
	{ "a = \"\"\"\"\"two\"\"\"\"\"", "{a='\"\"two\"\"'}" },
	{ "a = '''\n\\n'it''s'''''", "{a='\\n'it''s'''}" },
	{ "a = \"tab\there\"", "{a='tab\there'}" },
	/* integers */
	{ "a = [0, +0, -0, +99, 1_000, 5_349_221]", "{a=[0 0 0 99 1000 5349221]}" },
	{ "a = [0xDEADBEEF, 0xdead_beef, 0o755, 0b1101_0110, 0x00]", "{a=[3735928559 3735928559 493 214 0]}" },
	{ "a = [9223372036854775807, -9223372036854775808]", "{a=[9223372036854775807 -9223372036854775808]}" },
	/* floats */
	{ "a = [1.5, -0.25, 5e+22, 1e06, -2E-2, 6.626e-34, 9_224_617.4, 0e0, -0.0]",
	  "{a=[1.5f -0.25f 4.9999999999999996e+22f 1000000f -0.02f 6.6259999999999998e-34f 9224617.4000000004f 0f -0f]}" },
	{ "a = [inf, +inf, -inf]", "{a=[inff inff -inff]}" },
	{ "a = [true,false,]", "{a=[true false]}" },
	/* dates and times */
	{ "a = 1979-05-27T07:32:00Z", "{a=1979-05-27T07:32:00.000000000+0}" },
	{ "a = 1979-05-27 00:32:00.999999-07:30", "{a=1979-05-27T00:32:00.999999000-450}" },
	{ "a = 1979-05-27t07:32:00.1234567899z", "{a=1979-05-27T07:32:00.123456789+0}" },
	{ "a = 2000-02-29T23:59:60", "{a=2000-02-29T23:59:60.000000000}" },
	{ "a = 1979-05-27 # not a time", "{a=1979-05-27}" },
	{ "a = [07:32:00, 00:32:00.5]", "{a=[T07:32:00.000000000 T00:32:00.500000000]}" },
	/* arrays */
	{ "a = [ # one\n 1, # two\n\n [ 'x', 2.5 ], {} ]", "{a=[1 ['x' 2.5f] {}]}" },
	{ "a = []\nb = [ \n ]", "{a=[] b=[]}" },
	/* inline tables */
	{ "a = { x = 1, y.z = 2, y.w = 3 }", "{a={x=1 y={z=2 w=3}}}" },
	{ "a = {b={c={}}}", "{a={b={c={}}}}" },
	{ "a = [{x=1},{x=2}]", "{a=[{x=1} {x=2}]}" },
	/* tables */
	{ "[a]\nx=1\n[b]\n[a.c]\ny=2", "{a={x=1 c={y=2}} b={}}" },
	{ "[ a . 'b.c' ] # here\nx=1", "{a={b.c={x=1}}}" },
	{ "[a.b]\nx=1\n[a]\ny=2", "{a={b={x=1} y=2}}" },
	{ "[fruit]\napple.color='red'\napple.taste.sweet=true\n[fruit.apple.texture]\nsmooth=true",
	  "{fruit={apple={color='red' taste={sweet=true} texture={smooth=true}}}}" },
	{ "[a.b.c]\nx=1\n[a]\nb.y=2", "{a={b={c={x=1} y=2}}}" },
	{ "[[p]]\nn=1\n[[p]]\n[[p]]\nn=3\n[p.q]\nz=1", "{p=[{n=1} {} {n=3 q={z=1}}]}" },
	{ "[[f]]\n[[f.v]]\na=1\n[[f.v]]\na=2\n[[f]]\n[[f.v]]\na=3", "{f=[{v=[{a=1} {a=2}]} {v=[{a=3}]}]}" },
	{ "[tls]\n[[tls.certificates]]\nkey='k'", "{tls={certificates=[{key='k'}]}}" },
};

static const struct {
	const char *text;
	uint32_t line, column;
	err_code code;
} bad[] = {
	{ "a", 1, 2, ERR_SYNTAX },
	{ "a =", 1, 4, ERR_SYNTAX },
	{ "= 1", 1, 1, ERR_SYNTAX },
	{ "a. = 1", 1, 4, ERR_SYNTAX },
	{ "a..b = 1", 1, 3, ERR_SYNTAX },
	{ "\n  a = 1 b = 2", 2, 9, ERR_SYNTAX },
	{ "a = 1\rb = 2", 1, 6, ERR_SYNTAX },
	{ "a\n= 1", 1, 2, ERR_SYNTAX },
	{ "\xc3\xa9 = 1", 1, 1, ERR_SYNTAX },
	{ "a = 'x\xff'", 1, 7, ERR_SYNTAX },
	{ "a = '\xc3\xa9\xed\xa0\x80'", 1, 7, ERR_SYNTAX },
	{ "# \x01", 1, 3, ERR_SYNTAX },
	{ "# a\rb\n", 1, 4, ERR_SYNTAX },
	{ "# \x7f", 1, 3, ERR_SYNTAX },
	{ "\"\"\"a\"\"\" = 1", 1, 3, ERR_SYNTAX },
	/* strings */
	{ "a = \"x", 1, 5, ERR_SYNTAX },
	{ "a = \"x\n\"", 1, 7, ERR_SYNTAX },
	{ "a = \"x\\", 1, 7, ERR_SYNTAX },
	{ "a = 'x\n'", 1, 7, ERR_SYNTAX },
	{ "a = \"\"\"x\n", 1, 5, ERR_SYNTAX },
	{ "a = \"\"\"x\\\"\"\"", 1, 5, ERR_SYNTAX },
	{ "a = '''x''", 1, 5, ERR_SYNTAX },
	{ "a = \"\"\"x\"\"\"\"\"\"", 1, 14, ERR_SYNTAX },
	{ "a = \"\"\"x\ry\"\"\"", 1, 9, ERR_SYNTAX },
	{ "a = \"\\q\"", 1, 6, ERR_SYNTAX },
	{ "a = \"\\e\"", 1, 6, ERR_SYNTAX },
	{ "a = \"\\u12\"", 1, 6, ERR_SYNTAX },
	{ "a = \"\\ud800\"", 1, 6, ERR_SYNTAX },
	{ "a = \"\\U00110000\"", 1, 6, ERR_SYNTAX },
	{ "a = \"x\\ \"", 1, 7, ERR_SYNTAX },
	{ "a = \"\"\"x\\ y\"\"\"", 1, 9, ERR_SYNTAX },
	{ "a = \"\x1f\"", 1, 6, ERR_SYNTAX },
	{ "a = '\x7f'", 1, 6, ERR_SYNTAX },
	/* numbers */
	{ "a = 01", 1, 5, ERR_SYNTAX },
	{ "a = -01", 1, 5, ERR_SYNTAX },
	{ "a = 00.5", 1, 5, ERR_SYNTAX },
	{ "a = 1_", 1, 5, ERR_SYNTAX },
	{ "a = _1", 1, 5, ERR_SYNTAX },
	{ "a = 1__0", 1, 5, ERR_SYNTAX },
	{ "a = 0x", 1, 5, ERR_SYNTAX },
	{ "a = 0x_1", 1, 5, ERR_SYNTAX },
	{ "a = +0x1", 1, 5, ERR_SYNTAX },
	{ "a = 0X1", 1, 5, ERR_SYNTAX },
	{ "a = 0o8", 1, 5, ERR_SYNTAX },
	{ "a = 0b2", 1, 5, ERR_SYNTAX },
	{ "a = 9223372036854775808", 1, 5, ERR_SYNTAX },
	{ "a = -9223372036854775809", 1, 5, ERR_SYNTAX },
	{ "a = 0xffffffffffffffff", 1, 5, ERR_SYNTAX },
	{ "a = 1.", 1, 5, ERR_SYNTAX },
	{ "a = .5", 1, 5, ERR_SYNTAX },
	{ "a = 1.e5", 1, 5, ERR_SYNTAX },
	{ "a = 1e", 1, 5, ERR_SYNTAX },
	{ "a = 1._5", 1, 5, ERR_SYNTAX },
	{ "a = 1e999", 1, 5, ERR_SYNTAX },
	{ "a = Inf", 1, 5, ERR_SYNTAX },
	{ "a = ++1", 1, 5, ERR_SYNTAX },
	{ "a = 1 000", 1, 7, ERR_SYNTAX },
	{ "a = shop.example", 1, 5, ERR_SYNTAX },
	{ "a = True", 1, 5, ERR_SYNTAX },
	{ "a = truer", 1, 5, ERR_SYNTAX },
	/* dates and times */
	{ "a = 2001-02-29", 1, 5, ERR_SYNTAX },
	{ "a = 1900-02-29", 1, 5, ERR_SYNTAX },
	{ "a = 2001-13-01", 1, 5, ERR_SYNTAX },
	{ "a = 2001-00-01", 1, 5, ERR_SYNTAX },
	{ "a = 2001-1-01", 1, 5, ERR_SYNTAX },
	{ "a = 2001-01-01T", 1, 5, ERR_SYNTAX },
	{ "a = 2001-01-01T24:00:00", 1, 5, ERR_SYNTAX },
	{ "a = 2001-01-01T00:60:00Z", 1, 5, ERR_SYNTAX },
	{ "a = 2001-01-01T00:00:61Z", 1, 5, ERR_SYNTAX },
	{ "a = 2001-01-01T00:00Z", 1, 5, ERR_SYNTAX },
	{ "a = 2001-01-01T00:00:00.Z", 1, 5, ERR_SYNTAX },
	{ "a = 2001-01-01T00:00:00+24:00", 1, 5, ERR_SYNTAX },
	{ "a = 2001-01-01T00:00:00+0100", 1, 5, ERR_SYNTAX },
	{ "a = 07:32", 1, 5, ERR_SYNTAX },
	{ "a = 07:32:00Z", 1, 5, ERR_SYNTAX },
	/* arrays and inline tables */
	{ "a = [1", 1, 5, ERR_SYNTAX },
	{ "a = [1 2]", 1, 8, ERR_SYNTAX },
	{ "a = [,1]", 1, 6, ERR_SYNTAX },
	{ "a = [1,,2]", 1, 8, ERR_SYNTAX },
	{ "a = {x=1", 1, 9, ERR_SYNTAX },
	{ "a = {x=1,}", 1, 10, ERR_SYNTAX },
	{ "a = {x=1\n}", 1, 9, ERR_SYNTAX },
	{ "a = {x=1 y=2}", 1, 10, ERR_SYNTAX },
	{ "a = {x=1, x=2}", 1, 11, ERR_SYNTAX },
	{ "a = {x={y=1}, x.z=2}", 1, 15, ERR_SYNTAX },
	{ "a = {}\na.b = 1", 2, 1, ERR_SYNTAX },
	{ "a = {}\n[a.b]", 2, 2, ERR_SYNTAX },
	{ "a = {b.c=1}\n[a.b.d]", 2, 2, ERR_SYNTAX },
	{ "a = [{}]\n[[a]]", 2, 3, ERR_SYNTAX },
	{ "a = [{}]\n[a.b]", 2, 2, ERR_SYNTAX },
	/* who may define what */
	{ "a = 1\na = 2", 2, 1, ERR_SYNTAX },
	{ "a = 1\n'a' = 2", 2, 1, ERR_SYNTAX },
	{ "a = 1\na.b = 2", 2, 1, ERR_SYNTAX },
	{ "a.b = 1\na = 2", 2, 1, ERR_SYNTAX },
	{ "a = 1\n[a]", 2, 2, ERR_SYNTAX },
	{ "a = 1\n[a.b]", 2, 2, ERR_SYNTAX },
	{ "[a]\n[a]", 2, 2, ERR_SYNTAX },
	{ "[a]\nb=1\n[a.b]", 3, 4, ERR_SYNTAX },
	{ "[a]\n[[a]]", 2, 3, ERR_SYNTAX },
	{ "[[a]]\n[a]", 2, 2, ERR_SYNTAX },
	{ "[a.b]\n[[a]]", 2, 3, ERR_SYNTAX },
	{ "a.b = 1\n[a]", 2, 2, ERR_SYNTAX },
	{ "[f]\nap.c=1\nap.t.s=2\n[f.ap]", 4, 4, ERR_SYNTAX },
	{ "[f]\nap.c=1\nap.t.s=2\n[f.ap.t]", 4, 7, ERR_SYNTAX },
	{ "[a.b.c]\nz=9\n[a]\nb.c.t=1", 4, 3, ERR_SYNTAX },
	{ "[a.b.c.d]\nz=9\n[a]\nb.c.d.k.t=1", 4, 5, ERR_SYNTAX },
	{ "[a]\nb.x=1\n[c]\n[a.d]\n[c.e]\n[a.b.f]\n[a.b]", 7, 4, ERR_SYNTAX },
	{ "[[a.b]]\n[a]\nb.y=2", 3, 1, ERR_SYNTAX },
	/* headers */
	{ "[]", 1, 2, ERR_SYNTAX },
	{ "[a", 1, 3, ERR_SYNTAX },
	{ "[a]]", 1, 4, ERR_SYNTAX },
	{ "[[a]", 1, 5, ERR_SYNTAX },
	{ "[ [a]]", 1, 3, ERR_SYNTAX },
	{ "[[a] ]", 1, 5, ERR_SYNTAX },
	{ "[a.]", 1, 4, ERR_SYNTAX },
	{ "[a] x = 1", 1, 5, ERR_SYNTAX },
	{ "[a\n]", 1, 3, ERR_SYNTAX },
};
/* clang-format on */

static void test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		struct toml_node *root = NULL;
		struct buf out;

		print_message("%s\n", good[i].text);
		buf_init(&out, &arena, LIMIT_MB);
		assert_int_equal(toml_parse(&arena, str_of(good[i].text), &root).code, ERR_OK);
		dump(&out, root);
		buf_add_char(&out, '\0');
		assert_string_equal(buf_str(&out).ptr, good[i].want);
	}
}

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct toml_node *root = NULL;
		str text = str_of(bad[i].text);
		err e = toml_parse(&arena, text, &root);
		uint32_t line, column;

		print_message("%s\n", bad[i].text);
		assert_int_equal(e.code, bad[i].code);
		assert_non_null(e.what);
		assert_null(root); /* untouched */
		toml_place(text, e.at, &line, &column);
		assert_int_equal(line, bad[i].line);
		assert_int_equal(column, bad[i].column);
	}
}

static void test_nul_and_nan(void **state)
{
	struct toml_node *root = NULL;

	(void)state;
	assert_int_equal(toml_parse(&arena, STR("a = '\0'"), &root).at, 5);
	assert_int_equal(toml_parse(&arena, STR("a = 1\0"), &root).code, ERR_SYNTAX);
	assert_int_equal(toml_parse(&arena, STR("a = [nan, +nan, -nan]"), &root).code, ERR_OK);
	for (const struct toml_node *n = toml_get(root, STR("a"))->first; n; n = n->next)
		assert_true(isnan(n->number));
}

static void test_places(void **state)
{
	str text = STR("# \xc3\xa9\n[auth]\r\n  'plain text' = \"\xc3\xa9\"  \nx.y = 7\n[[t]]\nk = 1\n");
	struct toml_node *root;
	uint32_t line, column;

	(void)state;
	assert_int_equal(toml_parse(&arena, text, &root).code, ERR_OK);
	const struct toml_node *n = toml_find(root, STR("auth.plain text"));
	assert_non_null(n);
	toml_place(text, n->key_at, &line, &column);
	assert_int_equal(line, 3);
	assert_int_equal(column, 3);
	toml_place(text, n->at, &line, &column);
	assert_int_equal(column, 18);
	n = toml_find(root, STR("auth.x.y"));
	toml_place(text, n->key_at, &line, &column);
	assert_int_equal(line, 4);
	assert_int_equal(column, 3);
	assert_null(toml_find(root, STR("auth.x.z")));
	assert_null(toml_find(root, STR("auth.x.y.z")));
	assert_int_equal(toml_find(root, STR("t"))->count, 1);
	assert_ptr_equal(toml_find(root, STR("")), root);
}

/* "a = [[[…]]]" with `depth` brackets: the array at the root's key is at depth 1. */
static err nested(size_t depth, const char *open, const char *close)
{
	struct buf text;
	struct toml_node *root;

	buf_init(&text, &arena, LIMIT_MB);
	buf_add(&text, STR("a="));
	for (size_t i = 0; i < depth; i++)
		buf_add(&text, str_of(open));
	buf_add(&text, STR("1"));
	for (size_t i = 0; i < depth; i++)
		buf_add(&text, str_of(close));
	return toml_parse(&arena, buf_str(&text), &root);
}

static void test_limits(void **state)
{
	char *text = arena_alloc(&arena, LIMIT_CONFIG_FILE + 1);
	struct toml_node *root = NULL;
	struct buf path;

	(void)state;
	assert_int_equal(nested(LIMIT_TOML_DEPTH - 1, "[", "]").code, ERR_OK);
	assert_int_equal(nested(LIMIT_TOML_DEPTH, "[", "]").code, ERR_LIMIT);
	assert_int_equal(nested(LIMIT_TOML_DEPTH - 1, "{x=", "}").code, ERR_OK);
	assert_int_equal(nested(LIMIT_TOML_DEPTH, "{x=", "}").code, ERR_LIMIT);
	assert_int_equal(nested(100000, "[", "").code, ERR_LIMIT);

	buf_init(&path, &arena, LIMIT_MB);
	for (size_t i = 0; i < LIMIT_TOML_DEPTH; i++)
		buf_add(&path, i ? STR(".x") : STR("x"));
	size_t most = path.len;
	buf_add(&path, STR("=1"));
	assert_int_equal(toml_parse(&arena, buf_str(&path), &root).code, ERR_OK);
	path.len = most;
	buf_add(&path, STR(".x=1"));
	assert_int_equal(toml_parse(&arena, buf_str(&path), &root).code, ERR_LIMIT);

	root = NULL;
	memset(text, '\n', LIMIT_CONFIG_FILE + 1);
	assert_int_equal(toml_parse(&arena, (str){ text, LIMIT_CONFIG_FILE + 1 }, &root).code, ERR_LIMIT);
	assert_null(root);
	assert_int_equal(toml_parse(&arena, (str){ text, LIMIT_CONFIG_FILE }, &root).code, ERR_OK);
	assert_int_equal(root->count, 0);
}

/* 100,000 keys in one table: looked up by hash, so this does not take minutes. */
static void test_many_keys(void **state)
{
	struct toml_node *root;
	struct buf text;

	(void)state;
	buf_init(&text, &arena, LIMIT_CONFIG_FILE);
	for (uint64_t i = 0; i < 100000; i++) {
		buf_add_u64(&text, i);
		buf_add(&text, STR("=1\n"));
	}
	assert_int_equal(buf_err(&text).code, ERR_OK);
	assert_int_equal(toml_parse(&arena, buf_str(&text), &root).code, ERR_OK);
	assert_int_equal(root->count, 100000);
	buf_add(&text, STR("77=2"));
	assert_int_equal(toml_parse(&arena, buf_str(&text), &root).at, text.len - 4);
}

static void test_no_memory(void **state)
{
	struct arena small;
	struct toml_node *root = NULL;

	(void)state;
	for (size_t ceiling = 0; ceiling < 20000; ceiling += 1000) {
		arena_init(&small, NULL, ceiling);
		err e = toml_parse(&small, STR("[a]\nb = [1, 2, \"x\\ny\", 1.5]\n[[c]]\nd.e.f = {g = 1}"),
		                   &root);
		assert_true(e.code == ERR_OK || e.code == ERR_NOSPACE);
		assert_int_equal(e.code == ERR_OK, root != NULL);
		root = NULL;
		arena_reset(&small);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_good, reset),
		cmocka_unit_test_setup(test_bad, reset),
		cmocka_unit_test_setup(test_nul_and_nan, reset),
		cmocka_unit_test_setup(test_places, reset),
		cmocka_unit_test_setup(test_limits, reset),
		cmocka_unit_test_setup(test_many_keys, reset),
		cmocka_unit_test(test_no_memory),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	arena_reset(&arena);
	return failed;
}
