/* A head that is taken has one way to be read: CR LF line ends, nothing folded, at most one length and no
 * transfer coding; and where it ends does not depend on what follows. */
#include <stdlib.h>

#include "base/limits.h"
#include "http/head.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size);

static void must(bool law)
{
	if (!law)
		abort();
}

static void check_fields(str head)
{
	unsigned lengths = 0;
	str rest = head;

	while (rest.len) {
		str line = str_cut(&rest, '\n');
		must(line.len > 0 && line.ptr[line.len - 1] == '\r');
		must(line.ptr[0] != ' ' && line.ptr[0] != '\t' && line.ptr[0] != ':');
		must(str_find_char(line, '\0') == line.len);
		must(str_find_char(line, '\r') == line.len - 1);
		str name = str_slice(line, 0, str_find_char(line, ':'));
		lengths += str_eq_nocase(name, STR("content-length"));
		must(!str_eq_nocase(name, STR("transfer-encoding")));
	}
	must(lengths <= 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
	const struct http_head untouched = { .content_length = 7 };
	struct http_head got = untouched;
	str text = { (const char *)octets, size };
	size_t end = http_head_end(text);

	must(end <= size);
	if (end == 0)
		return 0;
	str head = str_slice(text, 0, end);
	must(http_head_end(head) == end);
	unsigned refusal = http_head_parse(head, &got);
	if (refusal) {
		must(refusal >= 400 && refusal < 600 && got.content_length == untouched.content_length);
		return 0;
	}
	must(got.method.len > 0 && got.target.len > 0 && got.content_length <= LIMIT_HTTP_BODY);
	must(got.target.ptr >= head.ptr && got.target.ptr + got.target.len <= head.ptr + head.len);
	check_fields(head);
	return 0;
}
