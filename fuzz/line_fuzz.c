/* However a stream is divided, the same lines come out; none is longer than the limit, and a strict one ends
 * with CR LF alone. The first octet chooses strictness and where the stream is divided. */
#include <stdlib.h>

#include "base/hash.h"
#include "session/line.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size);

enum { LINE_LIMIT = 16 };

struct outcome {
	uint32_t crc; /* of all lines with their kinds */
	unsigned count;
};

static void must(bool law)
{
	if (!law)
		abort();
}

static void note(struct outcome *o, char kind, str line)
{
	o->crc = crc32c(crc32c(o->crc, (str){ &kind, 1 }), line);
	o->count++;
}

/* Offers at most `step` octets more each time, as a connection would: what is not used comes again. */
static struct outcome cut(str in, bool strict, size_t step)
{
	struct line_cutter c = { .line_max = LINE_LIMIT, .strict = strict };
	struct outcome o = { 0 };
	size_t from = 0, to = 0;

	while (to < in.len) {
		to = in.len - to < step ? in.len : to + step;
		for (;;) {
			str line = STR("");
			size_t used;
			enum line_found found = line_cut(&c, str_slice(in, from, to), &line, &used);
			must(used <= to - from);
			from += used;
			if (found == LINE_PART)
				break;
			must(line.len <= LINE_LIMIT - 1);
			must(strict || found == LINE_TOO_LONG || str_find_char(line, '\n') == line.len);
			must(str_find(line, STR("\r\n")) == line.len);
			must(in.ptr[from - 1] == '\n' && (!strict || in.ptr[from - 2] == '\r'));
			note(&o, found == LINE_WHOLE ? 'w' : 'l', line);
		}
		must(to - from < LINE_LIMIT);
	}
	return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
	if (size == 0)
		return 0;
	str in = { (const char *)octets + 1, size - 1 };
	bool strict = octets[0] & 1;
	struct outcome whole = cut(in, strict, in.len + 1);
	struct outcome pieces = cut(in, strict, (size_t)(octets[0] >> 1) % 40 + 1);

	must(whole.crc == pieces.crc && whole.count == pieces.count);
	return 0;
}
