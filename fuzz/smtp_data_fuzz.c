/* The first octet says how the rest is cut. The end of DATA, the content and the fault are those of a naive
 * reading of RFC 5321 §4.1.1.4, however it is cut. Counted, as by BDAT, all octets are content and have the
 * fault of the whole; where what is behind the header stays, what is noted does not depend on the cut either.
 */
#include <stdlib.h>

#include "base/limits.h"
#include "smtp/data.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size);

static void must(bool law)
{
	if (!law)
		abort();
}

/* Octets up to and with the first CRLF "." CRLF, a CRLF being thought before the first; 0: it does not come.
 */
static size_t naive_end(str in)
{
	for (size_t i = 0; i + 3 <= in.len; i++)
		if (memcmp(in.ptr + i, ".\r\n", 3) == 0 &&
		    (i == 0 || (i >= 2 && memcmp(in.ptr + i - 2, "\r\n", 2) == 0)))
			return i + 3;
	return 0;
}

static bool naive_is_clean(str in)
{
	for (size_t i = 0; i < in.len; i++) {
		bool after_cr = i > 0 && in.ptr[i - 1] == '\r',
		     before_lf = i + 1 < in.len && in.ptr[i + 1] == '\n';

		if (in.ptr[i] == 0 || (in.ptr[i] == '\n' && !after_cr) || (in.ptr[i] == '\r' && !before_lf))
			return false;
	}
	return true;
}

/* Content of a clean message, which stands in `in` up to its end. */
static size_t naive_content(str in, char *out)
{
	size_t len = 0;

	for (size_t i = 0; i + 3 < in.len; i++)
		if (in.ptr[i] != '.' || (i > 0 && in.ptr[i - 1] != '\n'))
			out[len++] = in.ptr[i];
	return len;
}

static void check_counted(str in, size_t step)
{
	struct smtp_data d = { .counted = true };
	size_t at = 0;
	bool clean = naive_is_clean(in), whole = in.len == 0 || in.ptr[in.len - 1] == '\n';
	str run, end;

	for (size_t taken = 0; taken < in.len; taken += step) {
		str chunk = str_slice(in, taken, taken + step < in.len ? taken + step : in.len);

		while (smtp_data_next(&d, &chunk, &run)) {
			must(run.len > 0 && run.ptr == in.ptr + at);
			at += run.len;
		}
		must(chunk.len == 0 && !smtp_data_ended(&d));
	}
	must(at == in.len);
	end = smtp_data_finish(&d);
	if (in.len <= LIMIT_MESSAGE_LINE) {
		must((d.fault == SMTP_DATA_CLEAN) == clean);
		must(!clean || str_eq(end, whole ? STR("") : STR("\r\n")));
	}
}

/* As a message with BODY=BINARYMIME that is kept. */
static struct smtp_data read_binary(str in, size_t step, size_t *added)
{
	struct smtp_data d = { .counted = true, .binary = true };
	size_t at = 0;
	str run;

	for (size_t taken = 0; taken < in.len; taken += step) {
		str chunk = str_slice(in, taken, taken + step < in.len ? taken + step : in.len);

		while (smtp_data_next(&d, &chunk, &run)) {
			must(run.len > 0 && run.ptr == in.ptr + at);
			at += run.len;
		}
	}
	must(at == in.len);
	*added = smtp_data_finish(&d).len;
	return d;
}

static void check_binary(str in, size_t step)
{
	size_t added, added_cut;
	struct smtp_data whole = read_binary(in, in.len + 1, &added), cut = read_binary(in, step, &added_cut);

	must(whole.fault == cut.fault && whole.unlined == cut.unlined && whole.body == cut.body);
	must(added == added_cut && !(whole.body && added > 0));
	must(whole.body || !whole.unlined);
	must(in.len > LIMIT_SENT_LINE ||
	     naive_is_clean(in) == (whole.fault == SMTP_DATA_CLEAN && !whole.unlined) || whole.unlined);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
	size_t step = size > 0 ? octets[0] % 17 + 1 : 1, len = 0, taken = 0;
	str in = size > 0 ? (str){ (const char *)octets + 1, size - 1 } : STR(""), run;
	char *got = malloc(2 * size + 2), *want = got + size + 1;
	struct smtp_data d = { 0 };
	size_t end = naive_end(in);

	if (!got)
		return 0;
	check_counted(in, step);
	check_binary(in, step);
	while (taken < in.len && !smtp_data_ended(&d)) {
		str chunk = str_slice(in, taken, taken + step < in.len ? taken + step : in.len);
		size_t given = chunk.len;

		while (smtp_data_next(&d, &chunk, &run)) {
			must(run.len > 0 && len + run.len <= size);
			memcpy(got + len, run.ptr, run.len);
			len += run.len;
		}
		must(chunk.len == 0 || smtp_data_ended(&d));
		taken += given - chunk.len;
	}
	must(smtp_data_ended(&d) == (end > 0));
	must(taken == (end > 0 ? end : in.len));
	if (end > 0 && size <= LIMIT_MESSAGE_LINE) {
		bool clean = naive_is_clean(str_slice(in, 0, end));

		must((d.fault == SMTP_DATA_CLEAN) == clean);
		must(!clean ||
		     str_eq((str){ got, len }, (str){ want, naive_content(str_slice(in, 0, end), want) }));
	}
	free(got);
	return 0;
}
