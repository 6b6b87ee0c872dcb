/* Replies are the same however the octets are cut; a code is one, the text is bounded and has nothing in it
 * that could end a line of a log or a notice; any text is a hello. The first octet says how long the pieces
 * are. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "smtp/client_hello.h"
#include "smtp/client_reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size);

struct outcome {
	size_t replies;
	uint32_t sum;
	err_code end;
};

static void must(bool law)
{
	if (!law)
		abort();
}

static void check(const struct client_reply *r, struct outcome *o)
{
	struct smtp_hello hello;

	must(r->code >= 200 && r->code <= 599 && r->lines > 0 && r->text.len <= LIMIT_REPLY_TEXT);
	must(r->status.class == 0 || r->status.class == r->code / 100);
	must(r->status.subject <= 999 && r->status.detail <= 999);
	for (size_t i = 0; i < r->text.len; i++)
		must((unsigned char)r->text.ptr[i] >= ' ' || r->text.ptr[i] == '\n');
	smtp_hello_parse(r->text, &hello);
	o->replies++;
	o->sum = crc32c(o->sum, r->text) + r->code;
}

static struct outcome read_all(str in, size_t piece_size)
{
	static struct client_reply_parser p;
	struct client_reply reply;
	struct outcome o = { 0 };
	bool found = true;

	client_reply_init(&p);
	for (size_t at = 0; at < in.len; at += piece_size) {
		str piece = str_slice(in, at, at + piece_size < in.len ? at + piece_size : in.len);
		do {
			err e = client_reply_take(&p, &piece, &reply, &found);
			if (e.code != ERR_OK) {
				o.end = e.code;
				return o;
			}
			if (found)
				check(&reply, &o);
		} while (found);
	}
	return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
	if (size < 2)
		return 0;
	str in = { (const char *)octets + 1, size - 1 };
	struct outcome whole = read_all(in, in.len), cut = read_all(in, 1 + octets[0] % 16);

	must(whole.replies == cut.replies && whole.sum == cut.sum && whole.end == cut.end);
	return 0;
}
