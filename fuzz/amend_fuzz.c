/* The first octet says how the rest is cut: the same octets stay and the same fields count as in one piece,
 * and what stays is the message with some of it left out. Its highest bit makes it a submission, which may
 * get two fields more, the next one leaves Bcc out. */
#include <stdlib.h>

#include "deliver/amend.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size);

static void must(bool law)
{
	if (!law)
		abort();
}

#define DATE STR("Date: Mon, 23 Nov 2026 12:00:00 +0000\r\n")
#define MESSAGE_ID STR("Message-ID: <id@mail.shop.example>\r\n")
#define FILL (DATE.len + MESSAGE_ID.len)

static size_t pass(str in, bool submission, bool blind, size_t step, char *out, uint32_t *received)
{
	struct amend a;
	size_t len = 0;
	str run;

	amend_init(&a, STR("mail.shop.example"));
	if (blind)
		amend_drop_bcc(&a);
	if (submission)
		amend_fill(&a, DATE, MESSAGE_ID);
	for (size_t at = 0; at < in.len; at += step) {
		str chunk = str_slice(in, at, at + step < in.len ? at + step : in.len);

		while (amend_next(&a, &chunk, &run)) {
			must(run.len > 0 && len + run.len <= in.len + FILL);
			memcpy(out + len, run.ptr, run.len);
			len += run.len;
		}
		must(chunk.len == 0);
	}
	while (amend_finish(&a, &run)) {
		must(run.len > 0 && len + run.len <= in.len + FILL);
		memcpy(out + len, run.ptr, run.len);
		len += run.len;
	}
	*received = amend_received(&a);
	return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
	str in = size > 0 ? (str){ (const char *)octets + 1, size - 1 } : STR("");
	bool submission = size > 0 && octets[0] & 0x80, blind = size > 0 && octets[0] & 0x40;
	char *whole = malloc(2 * (size + 1 + FILL)), *cut = whole + size + 1 + FILL;
	uint32_t whole_received, cut_received;
	size_t whole_len, cut_len, at = 0;

	if (!whole)
		return 0;
	whole_len = pass(in, submission, blind, in.len + 1, whole, &whole_received);
	cut_len = pass(in, submission, blind, size > 0 ? octets[0] % 31 + 1 : 1, cut, &cut_received);
	must(whole_received == cut_received);
	must(str_eq((str){ whole, whole_len }, (str){ cut, cut_len }));
	for (size_t i = 0; !submission && i < whole_len; i++, at++)
		while (at == in.len || in.ptr[at] != whole[i])
			must(at++ < in.len);
	free(whole);
	return 0;
}
