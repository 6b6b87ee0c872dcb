#include "mime/transfer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

struct decoding {
	const char *in, *want;
	unsigned bad;
	bool broken; /* base64 that does not end on a quantum */
};

static const struct decoding base64[] = {
	/* RFC 4648 §10 */
	{ "", "", 0, false },
	{ "Zg==", "f", 0, false },
	{ "Zm8=", "fo", 0, false },
	{ "Zm9v", "foo", 0, false },
	{ "Zm9vYmFy", "foobar", 0, false },
	{ "Zm9v\r\nYm Fy\t\r\n", "foobar", 0, false },
	{ "Zg=\r\n=", "f", 0, false },
	/* no base64 */
	{ "Zm9", "fo", 0, true },
	{ "Zg", "f", 0, true },
	{ "Z", "", 0, true },
	{ "Z===", "", 1, false },
	{ "=", "", 1, false },
	{ "Zm9v*YmFy", "foobar", 1, false },
	{ "Zg==Zm9v", "f", 4, false },
	{ "Zm\xe4"
	  "9v",
	  "foo", 1, false },
	{ "-_--", "", 4, false },
};

static const struct decoding qp[] = {
	/* RFC 2045 §6.7 */
	{ "", "", 0, false },
	{ "a=3Db", "a=b", 0, false },
	{ "=E4=e4", "\xe4\xe4", 0, false },
	{ "one=\r\ntwo=\nthree", "onetwothree", 0, false },
	{ "one= \t\r\ntwo", "onetwo", 0, false },
	{ "a  \t\r\nb c \r\n", "a\r\nb c\r\n", 0, false },
	{ "end=", "end", 0, false },
	{ "end=\r", "end", 0, false },
	{ "spaces \t", "spaces", 0, false },
	/* no quoted-printable */
	{ "a=b", "a=b", 1, false },
	{ "a=zz", "a=zz", 1, false },
	{ "a==3D", "a==", 1, false },
	{ "=4", "=4", 1, false },
	{ "=4=41", "=4A", 1, false },
	{ "a=\rb", "a=\rb", 1, false },
	{ "\xe4", "\xe4", 0, false },
};

/* Decodes in chunks of every size up to the whole. */
static void test_base64(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof base64 / sizeof base64[0]; i++) {
		str in = str_of(base64[i].in);
		print_message("%s\n", base64[i].in);
		for (size_t chunk = 1; chunk <= in.len + 1; chunk++) {
			struct mime_base64_decoder d = { 0 };
			char octets[64] = "";
			struct buf out;

			buf_init_fixed(&out, octets, sizeof octets - 1);
			for (size_t at = 0; at < in.len; at += chunk)
				mime_base64_decode(
					&d, str_slice(in, at, in.len - at < chunk ? in.len : at + chunk),
					&out);
			assert_int_equal(mime_base64_decode_end(&d, &out), !base64[i].broken);
			assert_string_equal(octets, base64[i].want);
			assert_int_equal(d.bad, base64[i].bad);
		}
	}
}

static void test_qp(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof qp / sizeof qp[0]; i++) {
		str in = str_of(qp[i].in);
		print_message("%s\n", qp[i].in);
		for (size_t chunk = 1; chunk <= in.len + 1; chunk++) {
			struct mime_qp_decoder d = { 0 };
			char octets[64] = "";
			struct buf out;

			buf_init_fixed(&out, octets, sizeof octets - 1);
			for (size_t at = 0; at < in.len; at += chunk)
				mime_qp_decode(&d,
				               str_slice(in, at, in.len - at < chunk ? in.len : at + chunk),
				               &out);
			mime_qp_decode_end(&d, &out);
			assert_string_equal(octets, qp[i].want);
			assert_int_equal(d.bad, qp[i].bad);
		}
	}
}

/* What is encoded is decoded to itself, whatever its length and the chunks; lines end at 76 octets. */
static void test_encode(void **state)
{
	char data[300], text[512], back[300];

	(void)state;
	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (char)(i * 7);
	for (size_t len = 0; len <= sizeof data; len++) {
		struct mime_base64_encoder e = { 0 };
		struct mime_base64_decoder d = { 0 };
		struct buf out, decoded;

		buf_init_fixed(&out, text, sizeof text);
		buf_init_fixed(&decoded, back, sizeof back);
		mime_base64_encode(&e, (str){ data, len / 3 }, &out);
		mime_base64_encode(&e, (str){ data + len / 3, len - len / 3 }, &out);
		mime_base64_encode_end(&e, &out);
		assert_int_equal(out.len, (len + 2) / 3 * 4 + (len + 56) / 57 * 2);
		if (len > 57)
			assert_memory_equal(text + 76, "\r\n", 2);
		mime_base64_decode(&d, buf_str(&out), &decoded);
		assert_true(mime_base64_decode_end(&d, &out));
		assert_int_equal(d.bad, 0);
		assert_true(str_eq(buf_str(&decoded), (str){ data, len }));
	}
}

static void test_names(void **state)
{
	(void)state;
	assert_int_equal(mime_encoding_of(STR("")), MIME_ENCODING_IDENTITY);
	assert_int_equal(mime_encoding_of(STR("8BIT")), MIME_ENCODING_IDENTITY);
	assert_int_equal(mime_encoding_of(STR("Base64")), MIME_ENCODING_BASE64);
	assert_int_equal(mime_encoding_of(STR("quoted-PRINTABLE")), MIME_ENCODING_QUOTED_PRINTABLE);
	assert_int_equal(mime_encoding_of(STR("base 64")), MIME_ENCODING_UNKNOWN);
	assert_int_equal(mime_encoding_of(STR("x-uuencode")), MIME_ENCODING_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_base64), cmocka_unit_test(test_qp),
		                            cmocka_unit_test(test_encode), cmocka_unit_test(test_names) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
